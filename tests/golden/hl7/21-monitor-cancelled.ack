MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|CA|G21
ERR||OBX^5^3|103^Table value not found^HL70357|W||||MDC code 147236 is not known here; the row is stored under it
ERR||OBX^6^3|103^Table value not found^HL70357|W||||MDC code 184327 is not known here; the row is stored under it
ERR||OBX^7^3|103^Table value not found^HL70357|W||||4262 has no partition and is no context-free MDC code; it is stored under it
ERR||OBX^3^11|0^Message accepted^HL70357|W||||OBX-11 is X beside a value; it is stored as cancelled
ERR||OBX^5^11|0^Message accepted^HL70357|W||||OBX-11 is X beside a value; it is stored as cancelled
ERR||OBX^6^11|0^Message accepted^HL70357|W||||OBX-11 is X beside a value; it is stored as cancelled
ERR||OBX^7^11|0^Message accepted^HL70357|W||||OBX-11 is X beside a value; it is stored as cancelled
