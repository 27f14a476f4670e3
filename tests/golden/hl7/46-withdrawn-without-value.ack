MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G46
ERR||OBX^7^11|0^Message accepted^HL70357|W||||OBX-11 says that this part of the panel does not hold; it is left out
ERR||OBX^8^5|101^Required field missing^HL70357|W||||OBX-5 is missing; the row is left out
