MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G534
ERR||OBX^3^5|102^Data type error^HL70357|W||||OBX-5 is not a range of two numbers, low\S\high; the value is left out
ERR||OBX^4^5|102^Data type error^HL70357|W||||OBX-5 is not a range of two numbers, low\S\high; the value is left out
