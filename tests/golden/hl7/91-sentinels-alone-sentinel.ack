MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AE|G91
ERR||OBX^2^5|103^Table value not found^HL70357|W||||This sender writes that value where there is no reading; the row is held for the operator of the hub
ERR||OBX^3^5|103^Table value not found^HL70357|W||||This sender writes that value where there is no reading; the row is held for the operator of the hub
ERR||OBX^2^5|103^Table value not found^HL70357|E||||All readings of the message have values that this sender writes where there is none; the message is kept for the operator of the hub
