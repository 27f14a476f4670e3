MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G532
ERR||PRT^5^4|0^Message accepted^HL70357|W||||PRT names no device (PRT-10) and no responsible observer (RO, PRT-5) that is not named before; it is left out
