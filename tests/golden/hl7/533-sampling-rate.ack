MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G533
ERR||OBX^7^3|103^Table value not found^HL70357|W||||OBX-3 has no code of MDC, LOINC or SNOMED CT; the row is left out
ERR||OBX^8^3|103^Table value not found^HL70357|W||||OBX-3 has no code of MDC, LOINC or SNOMED CT; the row is left out
ERR||OBX^4^14|102^Data type error^HL70357|W||||OBX-14 is not written as HL7 v2.6 has it (YYYYMMDDHHMMSS.SSSS+ZZZZ), but is read; where a degree of precision stands behind it, Y, L or D, as that much of a date
