MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G528
ERR||OBX^1^5|102^Data type error^HL70357|W||||The number of an SN stands behind a component separator: >\S\33.3
ERR||OBR^1^8|102^Data type error^HL70357|W||||OBR-8 is before OBR-7; it is left out
ERR||OBX^2^5|102^Data type error^HL70357|W||||The number of an SN stands behind a component separator: >\S\33.3
