MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G529
ERR||OBX^3^16|0^Message accepted^HL70357|W||||A part of a panel has another one than the panel; the panel's is kept
ERR||OBX^2^20|0^Message accepted^HL70357|W||||A part of a panel has another one than the panel; the panel's is kept
ERR||OBX^3^17|0^Message accepted^HL70357|W||||A part of a panel has another one than the panel; the panel's is kept
