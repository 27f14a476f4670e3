MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G34
ERR||MSH^1^21^1^3|103^Table value not found^HL70357|W||||MSH-21 does not name IHE PCD-01 (1.3.6.1.4.1.19376.1.6.1.1.1); the message is read as such
ERR||OBX^2^4|102^Data type error^HL70357|W||||OBX-4 is not MDS.VMD.CHAN.METRIC in numbers; the row stands alone
ERR||OBX^3^1|101^Required field missing^HL70357|W||||OBX-1 is missing
ERR||OBX^4^4|102^Data type error^HL70357|W||||OBX-4 is not MDS.VMD.CHAN.METRIC in numbers; the row stands alone
ERR||OBX^5^11|101^Required field missing^HL70357|W||||OBX-11 is missing; the status is unknown
ERR||OBX^6^14|0^Message accepted^HL70357|W||||The time lies more than 24 hours ahead or before 1900: set the device's clock; the row is left out
