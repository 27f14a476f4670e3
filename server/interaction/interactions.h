/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVER_INTERACTION_INTERACTIONS_H
#define SERVER_INTERACTION_INTERACTIONS_H

#include "server/exchange.h"

/* What the rows of routes.tbl name: one file of this folder each. */
extern const struct interaction interaction_bundle;
extern const struct interaction interaction_create;
extern const struct interaction interaction_delete;
extern const struct interaction interaction_everything_one;
extern const struct interaction interaction_everything_post;
extern const struct interaction interaction_history;
extern const struct interaction interaction_history_type;
extern const struct interaction interaction_insight;
extern const struct interaction interaction_lastn_get;
extern const struct interaction interaction_lastn_post;
extern const struct interaction interaction_livez;
extern const struct interaction interaction_locate;
extern const struct interaction interaction_mark_unreliable;
extern const struct interaction interaction_metadata;
extern const struct interaction interaction_metrics;
extern const struct interaction interaction_openapi;
extern const struct interaction interaction_options;
extern const struct interaction interaction_organization_get;
extern const struct interaction interaction_organization_post;
extern const struct interaction interaction_organization_read;
extern const struct interaction interaction_patch;
extern const struct interaction interaction_patient_create;
extern const struct interaction interaction_patient_find;
extern const struct interaction interaction_patient_read;
extern const struct interaction interaction_pcd01;
extern const struct interaction interaction_protected_resource;
extern const struct interaction interaction_read;
extern const struct interaction interaction_readyz;
extern const struct interaction interaction_search_get;
extern const struct interaction interaction_search_compartment;
extern const struct interaction interaction_search_post;
extern const struct interaction interaction_smart;
extern const struct interaction interaction_soap;
extern const struct interaction interaction_update;
extern const struct interaction interaction_update_conditional;
extern const struct interaction interaction_validate;
extern const struct interaction interaction_vread;
extern const struct interaction interaction_wsdl;

/* The acknowledgement of a message that was refused once it had been looked at. */
void pcd01_refuse(struct exchange *exchange, const struct outcome *outcome, int status);
/* The same over SOAP; a Fault where there is no message to acknowledge. */
void soap_refuse(struct exchange *exchange, const struct outcome *outcome, int status);

#endif
