MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AE|G865
ERR||PID^1^3|204^Unknown key identifier^HL70357|E||||PID-3 has no national identifier; its assigning authority is \T\2.16.578.1.12.4.1.4.1\T\ISO (or .2 D-number, .3 shared help number)
