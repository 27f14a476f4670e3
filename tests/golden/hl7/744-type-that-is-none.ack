MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AE|G744
ERR||OBX^1^2|103^Table value not found^HL70357|W||||A value of this type is not supported; it is left out
ERR||OBX^1^2|103^Table value not found^HL70357|E||||No row of the message is a reading that can be stored; mend what the warnings name, or send OBX rows with code, value and time
