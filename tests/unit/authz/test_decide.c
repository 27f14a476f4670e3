/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A small world in which a doctor may read, and tables that change one thing of it at a time.
 * A grant is compared as
 * text: for each part t<tenant>/<subject>:<classes>, +<code>:<classes> for rules of one code,
 * -<code> for blocks,
 * r<rule>; then ! where a block was overridden and ~ where one was obeyed. A refusal is its kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authz/decide.h"
#include "fhir/base/arena.h"
#include "fhir/base/buf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          ((instant)1763650000 * INSTANT_SECOND)
#define HOSPITAL     993467049u
#define TOWN         874716782u
#define OTHER        974589095u
#define CLINIC       997506499u
#define LINE         "17912099997" /* synthetic, all of them */
#define DOCTOR       "57912075186"
#define STRANGER     "15507600333"
#define HEALTH       (1u << CLASS_HEALTH)
#define WELFARE      (1u << CLASS_WELFARE)
#define ADMIN        (1u << CLASS_ADMINISTRATIVE)

static struct arena *arena;
static struct outcome outcome;

/* The world. Tables below point into it. */
static struct tenant tenants[4];
static struct client clients[3];
static struct rule rule_list[3];
static struct person persons[2], attested[1];
static struct subject subjects[4];
static struct block blocks[2];
static struct national_id attest_patients[1];
static struct rules rules;
static struct patient patient;
static struct principal doctor;
static struct ask ask;

static void world_new(void)
{
	tenants[0] = (struct tenant){ 4, CLINIC, true, false, STR("Clinic") };
	tenants[1] = (struct tenant){ 1, HOSPITAL, true, true, STR("Hospital") };
	tenants[2] = (struct tenant){ 2, TOWN, true, true, STR("Town") };
	tenants[3] = (struct tenant){ 3, OTHER, true, true, STR("Other town") };
	clients[0] = (struct client){ .id = STR("epj"),
		.orgnr = HOSPITAL,
		.scopes = SCOPE_OBSERVATION_READ | SCOPE_OBSERVATION_WRITE,
		.active = true };
	clients[1] = (struct client){
		.id = STR("portal"), .orgnr = CLINIC, .scopes = SCOPE_LOG_READ, .active = true
	};
	clients[2] = (struct client){
		.id = STR("clinic"), .orgnr = CLINIC, .scopes = ~0u, .active = true
	};
	rule_list[0] = (struct rule){ .id = 10,
		.tenant = 2,
		.reader = 1,
		.class = CLASS_HEALTH,
		.purpose = PURPOSE_TREAT,
		.valid_from = NOW - 1,
		.valid_to = NOW + 1 };
	persons[0] = (struct person){ 100, 7 };
	persons[1] = (struct person){ 200, 8 };
	subjects[0] = (struct subject){ 1, 11, 100, 7 };
	subjects[1] = (struct subject){ 2, 22, 100, 7 };
	subjects[2] = (struct subject){ 3, 33, 100, 7 };
	subjects[3] = (struct subject){ 2, 44, 200, 8 };
	attest_patients[0] = (struct national_id){ NATIONAL_FNR, LINE };
	attested[0] = (struct person){ 0 };
	blocks[0] = blocks[1] =
		(struct block){ .person = 100, .valid_from = NOW - 1, .valid_to = NOW + 1 };
	rules = (struct rules){ .version = 5,
		.tenants = tenants,
		.tenant_count = 4,
		.clients = clients,
		.client_count = 3,
		.rules = rule_list,
		.rule_count = 1,
		.arena = arena };
	patient = (struct patient){ .known = true,
		.persons = persons,
		.person_count = 1,
		.subjects = subjects,
		.subject_count = 3,
		.blocks = blocks,
		.attested = attested,
		.rules_version = 5 };
}

static void caller_new(void)
{
	doctor = (struct principal){ .kind = PRINCIPAL_PRACTITIONER,
		.scopes = SCOPE_OBSERVATION_READ | SCOPE_OBSERVATION_WRITE,
		.client_id = STR("epj"),
		.orgnr = HOSPITAL,
		.pid = STR(DOCTOR),
		.attest = { .present = true,
			.purpose = PURPOSE_TREAT,
			.user_selected = true,
			.decision_text = STR("Bevisst"),
			.patients = attest_patients,
			.patient_count = 1 } };
	ask = (struct ask){ .action = ASK_READ,
		.principal = &doctor,
		.rules = &rules,
		.patient = &patient,
		.patient_id = { NATIONAL_FNR, LINE },
		.now = NOW };
}

static int begin(void **state)
{
	(void)state;
	arena = arena_new(16 << 20);
	outcome = (struct outcome){ .arena = arena };
	world_new();
	caller_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void part_write(struct buf *buf, const struct grant_part *part)
{
	buf_add_format(buf, "%st%u/%u:%u", buf->length == 0 ? "" : " ", part->tenant,
		(unsigned)part->subject, part->classes);
	for (size_t i = 0; i < part->canon_count; i++)
		buf_add_format(buf, "+%u:%u", part->canons[i], part->canon_classes[i]);
	for (size_t i = 0; i < part->blocked_count; i++)
		buf_add_format(buf, "-%u", part->blocked_canons[i]);
	for (size_t i = 0; i < part->rule_count; i++)
		buf_add_format(buf, "r%u", part->rule_ids[i]);
}

static const char *kind_name(enum outcome_kind kind)
{
	static const char *const names[OUTCOME_KINDS] = { [OUTCOME_FORBIDDEN] = "FORBIDDEN",
		[OUTCOME_SUPPRESSED] = "SUPPRESSED",
		[OUTCOME_BUSY] = "BUSY" };
	return names[kind] == NULL ? "another" : names[kind];
}

static const char *decided(void)
{
	struct buf buf = buf_new(arena, 64, 4096);
	outcome = (struct outcome){ .arena = arena };
	rules_sort(&rules);
	const struct grant *grant = decide(arena, &ask, &outcome);
	assert_int_equal(outcome.errors, grant == NULL);
	if (grant == NULL)
		return kind_name(outcome.first->kind);
	assert_int_equal(grant->action, ask.action);
	for (size_t i = 0; i < grant->count; i++)
		part_write(&buf, &grant->parts[i]);
	if (grant->break_glass)
		buf_add_byte(&buf, '!');
	if (grant->blocked)
		buf_add_byte(&buf, '~');
	buf_add_byte(&buf, '\0');
	return buf_str(&buf).at;
}

/* One number somewhere in the world set to a value, and what is decided then. */
struct change {
	const char *what;
	void *at;
	size_t size;
	int64_t value;
	const char *expected;
};

#define SET(what, member, value, expected)                       \
	{                                                        \
		what, &(member), sizeof(member), value, expected \
	}

static void change_make(const struct change *change)
{
	memcpy(change->at, &change->value, change->size); /* little-endian, as all we run on */
}

static void changes_check(const struct change *changes, size_t count, void (*prepare)(void))
{
	for (size_t i = 0; i < count; i++) {
		world_new();
		caller_new();
		prepare();
		change_make(&changes[i]);
		const char *is = decided();
		if (strcmp(is, changes[i].expected) != 0)
			fail_msg("%s: %s instead of %s", changes[i].what, is, changes[i].expected);
	}
}

static void expect(const char *expected)
{
	const char *is = decided();
	if (strcmp(is, expected) != 0)
		fail_msg("%s instead of %s", is, expected);
}

static void no_more(void)
{
}

static void a_doctor_reads_own_and_shared(void **state)
{
	(void)state;
	expect("t1/11:14 t2/22:2r10");
	rules_sort(&rules);
	const struct grant *grant = decide(arena, &ask, &outcome);
	assert_int_equal(grant->own_tenant, 1);
	assert_int_equal(grant->purpose, PURPOSE_TREAT);
	assert_int_equal(grant->parts[1].person, 100);
	assert_int_equal(grant->parts[1].bucket, 7);
	ask.action = ASK_LOCATE;
	expect("t1/11:14 t2/22:2r10");
}

/* The rule opens the town's data; each row takes one of its conditions away. */
static void each_condition_of_a_rule_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("nothing", rule_list[0].id, 10, "t1/11:14 t2/22:2r10"),
		SET("another's data", rule_list[0].tenant, 3, "t1/11:14 t3/33:2r10"),
		SET("data of none", rule_list[0].tenant, 0, "t1/11:14"),
		SET("another reader", rule_list[0].reader, 3, "t1/11:14"),
		SET("no reader", rule_list[0].reader, 0, "t1/11:14"),
		SET("welfare", rule_list[0].class, CLASS_WELFARE, "t1/11:14 t2/22:4r10"),
		SET("administrative", rule_list[0].class, CLASS_ADMINISTRATIVE,
			"t1/11:14 t2/22:8r10"),
		SET("no class", rule_list[0].class, 0, "t1/11:14"),
		SET("unknown class", rule_list[0].class, 4, "t1/11:14"),
		SET("for ETREAT", rule_list[0].purpose, PURPOSE_ETREAT, "t1/11:14"),
		SET("for COC", rule_list[0].purpose, PURPOSE_COC, "t1/11:14"),
		SET("for BTG", rule_list[0].purpose, PURPOSE_BTG, "t1/11:14"),
		SET("for nothing", rule_list[0].purpose, PURPOSE_NONE, "t1/11:14"),
		SET("from now", rule_list[0].valid_from, NOW, "t1/11:14 t2/22:2r10"),
		SET("from later", rule_list[0].valid_from, NOW + 1, "t1/11:14"),
		SET("until now", rule_list[0].valid_to, NOW, "t1/11:14"),
		SET("for ever", rule_list[0].valid_to, INSTANT_MAX, "t1/11:14 t2/22:2r10"),
		SET("one code", rule_list[0].canon, 77, "t1/11:14 t2/22:0+77:2r10"),
		SET("no rules", rules.rule_count, 0, "t1/11:14"),
		SET("town inactive", tenants[2].active, false, "t1/11:14"),
		SET("town no controller", tenants[2].controller, false, "t1/11:14"),
		SET("town unknown", tenants[2].id, 9, "t1/11:14"),
	};
	changes_check(changes, COUNT(changes), no_more);
}

/* Not even by a rule that names no purpose, as a machine names none. */
static void a_machine_reads_its_own_alone(void **state)
{
	(void)state;
	doctor.kind = PRINCIPAL_SYSTEM;
	doctor.attest.present = false;
	rule_list[0].purpose = PURPOSE_NONE;
	expect("t1/11:14");
	ask.only_tenant = 2;
	expect("");
}

static void each_condition_of_the_ask_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("asks for ETREAT", doctor.attest.purpose, PURPOSE_ETREAT, "t1/11:14"),
		SET("asks for COC", doctor.attest.purpose, PURPOSE_COC, "t1/11:14"),
		SET("asks for nothing", doctor.attest.purpose, PURPOSE_NONE, "SUPPRESSED"),
		SET("no attest", doctor.attest.present, false, "SUPPRESSED"),
		SET("the attest names nobody", doctor.attest.patient_count, 0,
			"t1/11:14 t2/22:2r10"),
		SET("the attest names another", attest_patients[0].digits[10], '8', "SUPPRESSED"),
		SET("another patient asked for", ask.patient_id.digits[0], '3', "SUPPRESSED"),
		SET("asked for by FHIR id", ask.patient_id.digits[0], 0, "SUPPRESSED"),
		SET("only the town", ask.only_tenant, 2, "t2/22:2r10"),
		SET("only the hospital", ask.only_tenant, 1, "t1/11:14"),
		SET("only where no rule is", ask.only_tenant, 3, ""),
		SET("later", ask.now, NOW + 1, "t1/11:14"),
		SET("earlier", ask.now, NOW - 2, "t1/11:14"),
		SET("a citizen", doctor.kind, PRINCIPAL_CITIZEN, "FORBIDDEN"),
		SET("a machine", doctor.kind, PRINCIPAL_SYSTEM, "t1/11:14"),
		SET("another action", ask.action, 9, "FORBIDDEN"),
		SET("rules newer", rules.version, 6, "t1/11:14 t2/22:2r10"),
		SET("rules older", rules.version, 4, "BUSY"),
	};
	changes_check(changes, COUNT(changes), no_more);
}

static void each_condition_of_the_caller_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("client inactive", clients[0].active, false, "FORBIDDEN"),
		SET("client of another", clients[0].orgnr, TOWN, "FORBIDDEN"),
		SET("client unknown", doctor.client_id.length, 2, "FORBIDDEN"),
		SET("token of another", doctor.orgnr, TOWN, "FORBIDDEN"),
		SET("organisation unknown", tenants[1].orgnr, 1, "FORBIDDEN"),
		SET("organisation inactive", tenants[1].active, false, "FORBIDDEN"),
		SET("organisation only reads", tenants[1].controller, false, "t2/22:2r10"),
	};
	changes_check(changes, COUNT(changes), no_more);
}

static void each_condition_of_the_patient_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("unknown", patient.subject_count, 0, ""),
		SET("nobody", patient.person_count, 0, ""),
		SET("another's subject", subjects[1].person, 101, "t1/11:14"),
		SET("two persons that are one", patient.person_count, 2, "t1/11:14 t2/22:2r10"),
	};
	changes_check(changes, COUNT(changes), no_more);
	world_new();
	patient.subject_count = 4;
	expect("t1/11:14 t2/22:2r10");
	patient.person_count = 2;
	expect("t1/11:14 t2/22:2r10 t2/44:2r10");
}

/* Named by a FHIR id, the patient is the attest's only if RESOLVE says so. */
static void attested_persons_stand_for_numbers(void **state)
{
	(void)state;
	ask.patient_id.digits[0] = '\0';
	expect("SUPPRESSED");
	attested[0].id = 100;
	expect("SUPPRESSED");
	patient.attested_count = 1;
	expect("t1/11:14 t2/22:2r10");
	attested[0].id = 101;
	expect("SUPPRESSED");
	attested[0].id = 200;
	expect("SUPPRESSED");
	patient.person_count = 2;
	expect("t1/11:14 t2/22:2r10");
	/* A number without digits in the attest matches no ask without digits. */
	attested[0].id = 0;
	attest_patients[0].digits[0] = '\0';
	expect("SUPPRESSED");
}

static void rules_add_up(void **state)
{
	(void)state;
	rules.rule_count = 3;
	rule_list[1] = rule_list[0];
	rule_list[1].id = 11;
	rule_list[1].canon = 77;
	rule_list[1].class = CLASS_WELFARE;
	rule_list[2] = rule_list[1];
	rule_list[2].id = 12;
	rule_list[2].canon = 78;
	expect("t1/11:14 t2/22:2+77:4+78:4r10r11r12");
	rule_list[2].canon = 77;
	rule_list[2].class = CLASS_ADMINISTRATIVE;
	expect("t1/11:14 t2/22:2+77:12r10r11r12");
	rule_list[1].canon = rule_list[2].canon = 0;
	expect("t1/11:14 t2/22:14r10r11r12");
	rule_list[2].tenant = 3;
	expect("t1/11:14 t2/22:6r10r11 t3/33:8r12");
}

static void one_block(void)
{
	patient.block_count = 1;
}

static void each_condition_of_a_block_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("against all", blocks[0].person, 100, "~"),
		SET("another person's", blocks[0].person, 200,
			"~"), /* RESOLVE brought it: joined */
		SET("of the town", blocks[0].tenant, 2, "t1/11:14~"),
		SET("of the hospital", blocks[0].tenant, 1, "t2/22:2r10~"),
		SET("of another town", blocks[0].tenant, 3, "t1/11:14 t2/22:2r10"),
		SET("against the hospital", blocks[0].actor_orgnr, HOSPITAL, "~"),
		SET("against the town", blocks[0].actor_orgnr, TOWN, "t1/11:14 t2/22:2r10"),
		SET("of one code", blocks[0].canon, 77, "t1/11:14-77 t2/22:2-77r10~"),
		SET("until now", blocks[0].valid_to, NOW, "t1/11:14 t2/22:2r10"),
		SET("for ever", blocks[0].valid_to, INSTANT_MAX, "~"),
		SET("from now", blocks[0].valid_from, NOW, "~"),
		SET("from later", blocks[0].valid_from, NOW + 1, "t1/11:14 t2/22:2r10"),
		SET("none", patient.block_count, 0, "t1/11:14 t2/22:2r10"),
		SET("of a machine's too", doctor.kind, PRINCIPAL_SYSTEM, "~"),
		SET("of the locator too", ask.action, ASK_LOCATE, "~"),
		SET("of acute care too", doctor.attest.purpose, PURPOSE_ETREAT, "~"),
		SET("of what is not open", blocks[0].tenant, 3, "t1/11:14 t2/22:2r10"),
	};
	changes_check(changes, COUNT(changes), one_block);
}

static void blocks_of_codes_meet_rules_of_codes(void **state)
{
	(void)state;
	ask.only_tenant = 2;
	rule_list[0].canon = 77;
	patient.block_count = 2;
	blocks[0].canon = 77;
	blocks[1].canon = 78;
	expect("t2/22:0+77:2-77r10~");
	blocks[0].canon = 79; /* neither is open: nothing was left out */
	expect("t2/22:0+77:2r10");
	blocks[1].canon = 0;
	expect("~");
}

static void break_glass(void)
{
	patient.block_count = 1;
	doctor.attest.purpose = PURPOSE_BTG;
	doctor.attest.decision_text = STR("Bevisstløs pasient");
}

static void each_condition_of_break_glass_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("all there", blocks[0].person, 100, "t1/11:14 t2/22:2r10!"),
		SET("not by choice", doctor.attest.user_selected, false, "SUPPRESSED"),
		SET("without a reason", doctor.attest.decision_text.length, 0, "SUPPRESSED"),
		SET("a reason of 9 bytes", doctor.attest.decision_text.length, 9, "SUPPRESSED"),
		SET("a reason of 10 bytes", doctor.attest.decision_text.length, 10,
			"t1/11:14 t2/22:2r10!"),
		SET("another's attest", attest_patients[0].digits[0], '3', "SUPPRESSED"),
		SET("no attest", doctor.attest.present, false, "SUPPRESSED"),
		SET("acute care is not enough", doctor.attest.purpose, PURPOSE_ETREAT, "~"),
		SET("no block", patient.block_count, 0, "FORBIDDEN"),
		SET("a block against others", blocks[0].actor_orgnr, TOWN, "FORBIDDEN"),
		SET("a block of the past", blocks[0].valid_to, NOW, "FORBIDDEN"),
		SET("a block where no rule is", blocks[0].tenant, 3, "FORBIDDEN"),
		SET("a block of the town", blocks[0].tenant, 2, "t1/11:14 t2/22:2r10!"),
		SET("a block of one code", blocks[0].canon, 77, "t1/11:14 t2/22:2r10!"),
		SET("unknown patient", patient.subject_count, 0, "FORBIDDEN"),
		SET("rule for ETREAT", rule_list[0].purpose, PURPOSE_ETREAT,
			"t1/11:14 t2/22:2r10!"),
		SET("rule for BTG", rule_list[0].purpose, PURPOSE_BTG, "t1/11:14 t2/22:2r10!"),
		SET("rule for COC", rule_list[0].purpose, PURPOSE_COC, "t1/11:14!"),
		SET("no rule, another's data", rule_list[0].reader, 3, "t1/11:14!"),
		SET("a machine has no glass to break", doctor.kind, PRINCIPAL_SYSTEM, "~"),
		SET("for the locator", ask.action, ASK_LOCATE, "t1/11:14 t2/22:2r10!"),
	};
	changes_check(changes, COUNT(changes), break_glass);
}

/* Blanks are no reason. */
static void a_reason_is_more_than_blanks(void **state)
{
	(void)state;
	break_glass();
	doctor.attest.decision_text = STR("           \t");
	expect("SUPPRESSED");
	doctor.attest.decision_text = STR("  kort      ");
	expect("SUPPRESSED");
}

/* Without a block BTG gives more only where a rule is for it alone. */
static void break_glass_gives_more_by_its_own_rules(void **state)
{
	(void)state;
	break_glass();
	patient.block_count = 0;
	rules.rule_count = 2;
	rule_list[1] = rule_list[0];
	rule_list[1].id = 11;
	rule_list[1].purpose = PURPOSE_BTG;
	expect("FORBIDDEN"); /* it opens what TREAT opens already */
	rule_list[1].class = CLASS_WELFARE;
	expect("t1/11:14 t2/22:6r10r11");
	rule_list[1].canon = 77;
	expect("t1/11:14 t2/22:2+77:4r10r11");
	rule_list[1].valid_to = NOW;
	expect("FORBIDDEN");
}

static void break_glass_for_one_code(void **state)
{
	(void)state;
	break_glass();
	ask.only_tenant = 2;
	rule_list[0].canon = 77;
	blocks[0].canon = 78;
	expect("FORBIDDEN"); /* the block is not of what is open */
	blocks[0].canon = 77;
	expect("t2/22:0+77:2r10!");
}

static void of_nobody(void)
{
	ask.action = ASK_TENANT;
	doctor.kind = PRINCIPAL_SYSTEM;
	doctor.attest.present = false;
	patient = (struct patient){ 0 };
}

static void each_condition_of_a_controllers_search_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("all there", ask.now, NOW, "t1/0:14"),
		SET("a practitioner", doctor.kind, PRINCIPAL_PRACTITIONER, "FORBIDDEN"),
		SET("a citizen", doctor.kind, PRINCIPAL_CITIZEN, "FORBIDDEN"),
		SET("no controller", tenants[1].controller, false, "FORBIDDEN"),
		SET("organisation inactive", tenants[1].active, false, "FORBIDDEN"),
		SET("organisation unknown", tenants[1].orgnr, 1, "FORBIDDEN"),
		SET("client inactive", clients[0].active, false, "FORBIDDEN"),
		SET("client of another", clients[0].orgnr, TOWN, "FORBIDDEN"),
		SET("token of another", doctor.orgnr, TOWN, "FORBIDDEN"),
		SET("its own", ask.only_tenant, 1, "t1/0:14"),
		SET("another controller's", ask.only_tenant, 2, "FORBIDDEN"),
		SET("rules older", rules.version, -1, "BUSY"),
		SET("a rule opens nothing of others", rule_list[0].purpose, PURPOSE_NONE,
			"t1/0:14"),
	};
	changes_check(changes, COUNT(changes), of_nobody);
	/* Nor does an attest help, which is about a patient. */
	world_new();
	caller_new();
	ask.action = ASK_TENANT;
	expect("FORBIDDEN");
	attest_patients[0].digits[0] = '\0';
	doctor.attest.patient_count = 0;
	expect("FORBIDDEN");
}

static void writing(void)
{
	ask.action = ASK_WRITE;
}

static void each_condition_of_a_write_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("a practitioner", doctor.orgnr, HOSPITAL, "t1/11:14"),
		SET("a machine", doctor.kind, PRINCIPAL_SYSTEM, "t1/11:14"),
		SET("a citizen", doctor.kind, PRINCIPAL_CITIZEN, "FORBIDDEN"),
		SET("no attest", doctor.attest.present, false, "t1/11:14"),
		SET("no controller", tenants[1].controller, false, "FORBIDDEN"),
		SET("inactive", tenants[1].active, false, "FORBIDDEN"),
		SET("own only", ask.only_tenant, 1, "t1/11:14"),
		SET("another's", ask.only_tenant, 2, "FORBIDDEN"),
		SET("unknown patient", patient.subject_count, 0, ""),
		SET("another's subject", subjects[0].person, 101, ""),
		SET("client inactive", clients[0].active, false, "FORBIDDEN"),
		SET("blocks do not hinder", patient.block_count, 1, "t1/11:14"),
	};
	changes_check(changes, COUNT(changes), writing);
}

static void citizen_asks(void)
{
	ask.action = ASK_LOG;
	doctor = (struct principal){ .kind = PRINCIPAL_CITIZEN,
		.scopes = SCOPE_LOG_READ,
		.client_id = STR("portal"),
		.pid = STR(LINE) };
}

static void each_condition_of_the_log_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("own", patient.known, true, "t0/0:14"),
		SET("two persons", patient.person_count, 2, "t0/0:14 t0/0:14"),
		SET("one controller", ask.only_tenant, 2, "t2/0:14"),
		SET("nobody", patient.person_count, 0, ""),
		SET("another's", ask.patient_id.digits[0], '3', "FORBIDDEN"),
		SET("by FHIR id", ask.patient_id.digits[0], 0, "FORBIDDEN"),
		SET("no pid", doctor.pid.length, 0, "FORBIDDEN"),
		SET("client inactive", clients[1].active, false, "FORBIDDEN"),
		SET("client unknown", doctor.client_id.length, 3, "FORBIDDEN"),
		SET("a citizen reads no measurements", ask.action, ASK_READ, "FORBIDDEN"),
		SET("a citizen asks no locator", ask.action, ASK_LOCATE, "FORBIDDEN"),
		SET("a citizen writes nothing", ask.action, ASK_WRITE, "FORBIDDEN"),
	};
	changes_check(changes, COUNT(changes), citizen_asks);
	citizen_asks();
	rules_sort(&rules);
	const struct grant *grant = decide(arena, &ask, &outcome);
	assert_int_equal(grant->own_tenant, 0);
	assert_int_equal(grant->parts[0].person, 100);
	assert_int_equal(grant->parts[0].bucket, 7);
	/* Neither pid nor digits: two empty texts are no person. */
	ask.patient_id.digits[0] = '\0';
	doctor.pid = STR("");
	expect("FORBIDDEN");
}

static void staff_do_not_read_the_citizens_log(void **state)
{
	(void)state;
	ask.action = ASK_LOG;
	doctor.pid = STR(LINE); /* their own number does not help */
	expect("FORBIDDEN");
	doctor.kind = PRINCIPAL_SYSTEM;
	expect("FORBIDDEN");
}

/* ---- permit */

static struct permit_ask permit;

static void permit_new(void)
{
	permit = (struct permit_ask){ .principal = &doctor,
		.rules = &rules,
		.scope = SCOPE_OBSERVATION_READ,
		.kinds = 1u << PRINCIPAL_SYSTEM | 1u << PRINCIPAL_PRACTITIONER,
		.attest_needed = true };
}

static const char *permitted(void)
{
	const struct tenant *tenant = NULL;
	const struct client *client = NULL;
	outcome = (struct outcome){ .arena = arena };
	rules_sort(&rules);
	if (!decide_permit(&permit, &tenant, &client, &outcome)) {
		assert_true(tenant == NULL && client == NULL);
		assert_int_equal(outcome.errors, 1);
		const struct str text = outcome.first->text;
		if (str_starts(text, STR(DECIDE_SCOPE)))
			return "SCOPE";
		if (str_starts(text, STR(DECIDE_ATTEST)))
			return "ATTEST";
		return kind_name(outcome.first->kind);
	}
	assert_true(str_equal(client->id, doctor.client_id));
	assert_true(tenant == NULL || tenant->orgnr == doctor.orgnr);
	return tenant == NULL ? "citizen" : "tenant";
}

static void each_condition_of_a_door_counts(void **state)
{
	(void)state;
	static const struct change changes[] = {
		SET("all there", permit.scope, SCOPE_OBSERVATION_READ, "tenant"),
		SET("another scope", permit.scope, SCOPE_LOCATOR_READ, "SCOPE"),
		SET("no scope", permit.scope, 0, "SCOPE"),
		SET("the token lacks it", doctor.scopes, SCOPE_OBSERVATION_WRITE, "SCOPE"),
		SET("the client lacks it", clients[0].scopes, SCOPE_OBSERVATION_WRITE, "SCOPE"),
		SET("not for practitioners", permit.kinds, 1u << PRINCIPAL_SYSTEM, "FORBIDDEN"),
		SET("for nobody", permit.kinds, 0, "FORBIDDEN"),
		SET("a machine", doctor.kind, PRINCIPAL_SYSTEM, "tenant"),
		SET("no attest", doctor.attest.present, false, "ATTEST"),
		SET("client inactive", clients[0].active, false, "FORBIDDEN"),
		SET("client of another", clients[0].orgnr, TOWN, "FORBIDDEN"),
		SET("client unknown", doctor.client_id.length, 0, "FORBIDDEN"),
		SET("organisation inactive", tenants[1].active, false, "FORBIDDEN"),
		SET("organisation unknown", tenants[1].orgnr, 1, "FORBIDDEN"),
		SET("organisation only reads", tenants[1].controller, false, "tenant"),
	};
	for (size_t i = 0; i < COUNT(changes); i++) {
		world_new();
		caller_new();
		permit_new();
		change_make(&changes[i]);
		const char *is = permitted();
		if (strcmp(is, changes[i].expected) != 0)
			fail_msg("%s: %s instead of %s", changes[i].what, is, changes[i].expected);
	}
}

static void attests_are_asked_of_practitioners_where_needed(void **state)
{
	(void)state;
	permit_new();
	doctor.attest.present = false;
	permit.attest_needed = false;
	assert_string_equal(permitted(), "tenant");
	permit.attest_needed = true;
	doctor.kind = PRINCIPAL_SYSTEM;
	assert_string_equal(permitted(), "tenant");
}

/*
 * A citizen's client is registered like any other; the token names no organisation to compare
 * with its.
 */
static void citizens_have_a_door(void **state)
{
	(void)state;
	permit_new();
	citizen_asks();
	permit.scope = SCOPE_LOG_READ;
	assert_string_equal(permitted(), "FORBIDDEN");
	permit.kinds = 1u << PRINCIPAL_CITIZEN;
	assert_string_equal(permitted(), "citizen");
	clients[0].active = clients[1].active = clients[2].active = false;
	assert_string_equal(permitted(), "FORBIDDEN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_doctor_reads_own_and_shared, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_a_rule_counts, begin, end),
		cmocka_unit_test_setup_teardown(a_machine_reads_its_own_alone, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_the_ask_counts, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_the_caller_counts, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_the_patient_counts, begin, end),
		cmocka_unit_test_setup_teardown(attested_persons_stand_for_numbers, begin, end),
		cmocka_unit_test_setup_teardown(rules_add_up, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_a_block_counts, begin, end),
		cmocka_unit_test_setup_teardown(blocks_of_codes_meet_rules_of_codes, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_break_glass_counts, begin, end),
		cmocka_unit_test_setup_teardown(a_reason_is_more_than_blanks, begin, end),
		cmocka_unit_test_setup_teardown(
			break_glass_gives_more_by_its_own_rules, begin, end),
		cmocka_unit_test_setup_teardown(break_glass_for_one_code, begin, end),
		cmocka_unit_test_setup_teardown(
			each_condition_of_a_controllers_search_counts, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_a_write_counts, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_the_log_counts, begin, end),
		cmocka_unit_test_setup_teardown(staff_do_not_read_the_citizens_log, begin, end),
		cmocka_unit_test_setup_teardown(each_condition_of_a_door_counts, begin, end),
		cmocka_unit_test_setup_teardown(
			attests_are_asked_of_practitioners_where_needed, begin, end),
		cmocka_unit_test_setup_teardown(citizens_have_a_door, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
