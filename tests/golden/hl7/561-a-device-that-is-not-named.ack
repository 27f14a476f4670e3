MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G561
ERR||OBX^3^18|101^Required field missing^HL70357|W||||The device has no identifier with a system, so what the message says of it becomes no Device
