-- What one sender writes where its devices have no reading: items [CODE:][<|>]NUMBER, checked by who writes them (fhir/hl7/sentinel.h).
SET LOCAL ROLE hub_owner;
ALTER TABLE hub.client ADD COLUMN sentinels text NOT NULL DEFAULT '' CHECK (octet_length(sentinels) <= 1000);
