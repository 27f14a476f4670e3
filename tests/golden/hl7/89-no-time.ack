MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AE|G89
ERR||OBX^2^4|102^Data type error^HL70357|W||||OBX-4 is not MDS.VMD.CHAN.METRIC in numbers; the row stands alone
ERR||OBX^3^4|102^Data type error^HL70357|W||||OBX-4 is not MDS.VMD.CHAN.METRIC in numbers; the row stands alone
ERR||OBX^3^3|103^Table value not found^HL70357|W||||OBX-3 has no code of MDC, LOINC or SNOMED CT; the row is left out
ERR||OBX^2^14|101^Required field missing^HL70357|W||||Neither OBX-14 nor OBR-7 gives a time; the row is left out
ERR||OBX^2^14|101^Required field missing^HL70357|E||||No row of the message is a reading that can be stored; mend what the warnings name, or send OBX rows with code, value and time
