MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G23
ERR||OBX^2^3|103^Table value not found^HL70357|W||||MDC code 199999 is not known here; the row is stored under it
ERR||OBX^4^3|103^Table value not found^HL70357|W||||OBX-3 has no code of MDC, LOINC or SNOMED CT; the row is left out
ERR||OBX^7^6|103^Table value not found^HL70357|W||||The unit is neither UCUM nor a known MDC unit; it is kept as text
