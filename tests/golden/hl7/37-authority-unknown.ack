MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AA|G37
ERR||PID^1^3|103^Table value not found^HL70357|W||||The identifier is taken for a national one by its digits; name the authority \T\2.16.578.1.12.4.1.4.1\T\ISO in PID-3.4
