MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G535
ERR||OBX^1^3|103^Table value not found^HL70357|W||||MDC code 67901 is not known here; the row is stored under it
ERR||OBX^2^3|103^Table value not found^HL70357|W||||MDC code 67902 is not known here; the row is stored under it
ERR||OBX^3^3|103^Table value not found^HL70357|W||||MDC code 67902 is not known here; the row is stored under it
ERR||OBX^3^5|102^Data type error^HL70357|W||||OBX-5 has no text; the value is left out
