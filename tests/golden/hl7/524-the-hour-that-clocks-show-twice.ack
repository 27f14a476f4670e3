MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G524
ERR||OBR^1^7|0^Message accepted^HL70357|W||||OBR-7 has no time zone and lies in the hour that clocks show twice or skip; in October the first is meant, in March it is moved on by an hour
ERR||OBX^2^14|0^Message accepted^HL70357|W||||OBX-14 has no time zone and lies in the hour that clocks show twice or skip; in October the first is meant, in March it is moved on by an hour
