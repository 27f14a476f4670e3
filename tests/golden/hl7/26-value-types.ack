MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G26
ERR||OBX^9^2|103^Table value not found^HL70357|W||||A value of this type is not supported; it is left out
ERR||OBX^12^2|101^Required field missing^HL70357|W||||OBX-2 is missing; the type is taken from the value
ERR||OBX^13^2|101^Required field missing^HL70357|W||||OBX-2 is missing; the type is taken from the value
ERR||OBX^14^2|101^Required field missing^HL70357|W||||OBX-2 is missing; the type is taken from the value
ERR||OBX^15^5|102^Data type error^HL70357|W||||OBX-5 has several coded values; the first is kept
ERR||OBX^16^5|102^Data type error^HL70357|W||||OBX-5 is not a period with zones; the value is left out
