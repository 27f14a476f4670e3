MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G47
ERR||OBX^2^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^3^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^4^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^5^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^6^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^7^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^8^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^9^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^10^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^11^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^12^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^13^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^14^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
ERR||OBX^18^5|102^Data type error^HL70357|W||||The number is a special value of ISO/IEEE 11073, not a reading
