MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G22
ERR||OBX^2^3|103^Table value not found^HL70357|W||||MDC_PULS_RATE is the name of code 149514, not of 149522; the number decides, no LOINC code is given
ERR||OBX^3^3|103^Table value not found^HL70357|W||||MDC_PRESS_CUFF_SYS is the name of code 150301, not of 150031; the number decides, no LOINC code is given
ERR||OBX^3^3|103^Table value not found^HL70357|W||||MDC code 150031 is not known here; the row is stored under it
