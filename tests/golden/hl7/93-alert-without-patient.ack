MSH|^~\&|Maalehub^1.2.3^ISO||HjemmeHub^AC1D2E3F40516273^EUI-64|Leverandør|20261121100000+0000||ACK^R01^ACK|ACK1|T|2.6|||NE|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
MSA|AE|G93
ERR||MSH^1^9^1^2|201^Unsupported event code^HL70357|E||||No readings are made of this event, PCD-01 is R01 (alerts and waveforms are others); the message is kept for the operator of the hub
