/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The configuration: what is taken, and that nothing half understood is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fhir/base/arena.h"
#include "server/config.h"

#define GOOD                                   \
	"database = host=/run/pg dbname=hub\n" \
	"secret_file = /etc/hub/secret\n"      \
	"tls_certificate = /etc/hub/c.pem\n"   \
	"tls_key = /etc/hub/k.pem\n"           \
	"public_url = https://hub.example\n"   \
	"issuer = https://issuer.example\n"
#define DEVELOPMENT GOOD "environment = development\n"

static struct arena *arena;
static struct outcome outcome;

static int begin(void **state)
{
	(void)state;
	arena = arena_new(8 << 20);
	outcome = (struct outcome){ .arena = arena };
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const struct config *read_text(const char *text)
{
	outcome = (struct outcome){ .arena = arena };
	return config_read(arena, "hub.conf", str_of(text), &outcome);
}

/* The text is refused, and the first error says `words`. */
static void refused(const char *text, const char *words)
{
	assert_null(read_text(text));
	assert_true(outcome.errors > 0);
	const char *said = str_copy(arena, outcome.first->text).at;
	if (strstr(said, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", said, words);
}

static void defaults_hold(void **state)
{
	(void)state;
	const struct config *config = read_text(GOOD);
	assert_non_null(config);
	assert_int_equal(config->environment, ENVIRONMENT_PRODUCTION);
	assert_int_equal(config->grace, 20 * INSTANT_SECOND);
	assert_int_equal(config->group_max, 2000);
	assert_false(config->bearer);
	assert_string_equal(config->audience, "nhn:pmd");
	assert_string_equal(config->dev_listen, "");
	assert_string_equal(config->database, "host=/run/pg dbname=hub");
	assert_true(config->zone_parsed.oslo);
	assert_null(config->principals);
}

static void values_are_read(void **state)
{
	(void)state;
	const struct config *config =
		read_text(DEVELOPMENT "# a comment\n"
				      "\n"
				      "  threads =  3 \r\n"
				      "log_level = debug\n"
				      "bearer = yes\n"
				      "zone = +01:00\n"
				      "dev_listen = [::1]:8080\n"
				      "principal.epj = {\"client_id\":\"x\"}\n"
				      "principal.vendor = {}\n"
				      "dev_principal = epj");
	assert_non_null(config);
	assert_int_equal(config->threads, 3);
	assert_int_equal(config->log_level, 3);
	assert_true(config->bearer);
	assert_int_equal(config->zone_parsed.offset_minutes, 60);
	const struct config_principal *principal = config_principal(config, STR("epj"));
	assert_non_null(principal);
	assert_true(str_is(principal->claims, "{\"client_id\":\"x\"}"));
	assert_null(config_principal(config, STR("nobody")));
}

static void faults_name_file_line_and_key(void **state)
{
	(void)state;
	refused(GOOD "treads = 2\n",
		"hub.conf:7: there is no setting \"treads\"; the nearest is \"threads\"");
	refused(GOOD "GRACE = 2\n", "hub.conf:7: there is no setting \"GRACE\"");
	refused(GOOD "issuer = https://other.example\n",
		"hub.conf:7: \"issuer\" was said in line 6");
	refused(GOOD "just words\n", "hub.conf:7: a line is name = value");
	refused(GOOD "= 5\n", "hub.conf:7: a line is name = value");
	refused(GOOD "audience = \x01\n", "hub.conf:7: the value is not plain text");
	refused(GOOD "audience = \xff\n", "hub.conf:7: the value is not plain text");
	refused(GOOD "audience =\n", "audience must be set");
	refused("", "database must be set");
}

static void values_out_of_range_are_refused(void **state)
{
	(void)state;
	refused(GOOD "threads = 257\n",
		"hub.conf:7: \"threads\" must be a whole number from 0 to 256");
	refused(GOOD "threads = -1\n", "must be a whole number");
	refused(GOOD "threads = 2x\n", "must be a whole number");
	refused(GOOD "threads = 99999999999999999999\n", "must be a whole number");
	refused(GOOD "grace = 0\n", "whole number of seconds from 1 to 120");
	refused(GOOD "bearer = true\n", "must be one of: no yes");
	refused(GOOD "bearer =\n", "must be one of: no yes");
	refused(GOOD "environment = prod\n", "must be one of: production test development");
	refused(GOOD "zone = Europe/Berlin\n", "hub.conf:7: zone is");
}

static void production_takes_nothing_for_tests(void **state)
{
	(void)state;
	refused(GOOD "bearer = yes\n", "hub.conf:7: production takes DPoP-bound tokens only");
	refused(GOOD "identifier_in_url = yes\n", "environment = development");
	refused(GOOD "dev_listen = 127.0.0.1:8080\n", "needs environment = development");
	refused(GOOD "citizen_issuer = http://127.0.0.1:1\n", "https issuers only");
	refused(GOOD "principal.x = {}\n", "needs environment = development");
	refused(GOOD "environment = test\ndev_listen = 127.0.0.1:8080\n",
		"needs environment = development");
	refused(GOOD "environment = test\nidentifier_in_url = yes\n", "environment = development");
}

static void the_development_door_stays_on_loopback(void **state)
{
	(void)state;
	assert_non_null(read_text(DEVELOPMENT "dev_listen = 127.0.0.1:8080\n"));
	assert_non_null(read_text(DEVELOPMENT "dev_listen = localhost:8080\n"));
	refused(DEVELOPMENT "dev_listen = 0.0.0.0:8080\n", "loopback address only");
	refused(DEVELOPMENT "dev_listen = [::]:8080\n", "loopback address only");
	refused(DEVELOPMENT "dev_listen = 127.0.0.1.example.org:80\n", "loopback address only");
	refused(DEVELOPMENT "dev_listen = 8080\n", "dev_listen is host:port");
	refused(DEVELOPMENT "dev_listen = 127.0.0.1:99999\n", "dev_listen is host:port");
}

static void issuers_are_https_or_here(void **state)
{
	(void)state;
	assert_non_null(
		read_text(GOOD "environment = test\ncitizen_issuer = http://127.0.0.1:9000/c\n"));
	assert_non_null(read_text(GOOD "environment = test\ncitizen_issuer = http://[::1]:9000\n"));
	refused(GOOD "environment = test\ncitizen_issuer = http://10.0.0.1:9000\n", "loopback");
	refused(GOOD "environment = test\ncitizen_issuer = ftp://127.0.0.1\n", "an https URL");
	refused(GOOD "environment = test\ncitizen_issuer = http://localhost:1@10.0.0.1\n",
		"an https URL");
	refused(GOOD "citizen_issuer = https://issuer.example\n", "issuers of their own");
	refused("database = x\nsecret_file = y\nlisten =\n", "no door");
}

static void principals_are_checked(void **state)
{
	(void)state;
	refused(DEVELOPMENT "principal.x = [1]\n", "one JSON object");
	refused(DEVELOPMENT "principal.x = {\"a\":1\n", "one JSON object");
	refused(DEVELOPMENT "principal. = {}\n", "needs a name");
	refused(DEVELOPMENT "principal.x = {}\nprincipal.x = {}\n", "named twice");
	refused(DEVELOPMENT "dev_principal = nobody\n", "names no principal");
}

static void write_file(const char *path, mode_t mode, size_t length)
{
	unlink(path);
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(write(fd, "s", 1), 1);
	close(fd);
}

static void the_secret_is_ours_alone(void **state)
{
	(void)state;
	char folder[] = "/tmp/maalehub-test-XXXXXX";
	assert_non_null(mkdtemp(folder));
	const char *path = str_format(arena, "%s/secret", folder).at;
	const struct config config = { .secret_file = path };

	assert_null(config_secret(arena, &config, &outcome).at);
	write_file(path, 0640, 32);
	assert_null(config_secret(arena, &config, &outcome).at);
	write_file(path, 0604, 32);
	assert_null(config_secret(arena, &config, &outcome).at);
	write_file(path, 0600, 31);
	assert_null(config_secret(arena, &config, &outcome).at);
	assert_int_equal(outcome.errors, 4);
	write_file(path, 0600, 32);
	assert_int_equal(config_secret(arena, &config, &outcome).length, 32);
	assert_int_equal(outcome.errors, 4);
	unlink(path);
	rmdir(folder);
}

/* What --settings prints is a configuration that says nothing new: it lacks only what has no default. */
static void settings_print_a_file_that_can_be_read(void **state)
{
	(void)state;
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	config_print(out);
	fclose(out);
	outcome = (struct outcome){ .arena = arena };
	assert_null(config_read(arena, "settings", (struct str){ text, length }, &outcome));
	for (const struct issue *issue = outcome.first; issue != NULL; issue = issue->next) {
		const char *said = str_copy(arena, issue->text).at;
		if (strstr(said, "there is no") != NULL || strstr(said, "name = value") != NULL)
			fail_msg("%s", said);
	}
	free(text);
}

static void loopback_is_told_from_look_alikes(void **state)
{
	(void)state;
	assert_true(config_is_loopback(STR("localhost")));
	assert_true(config_is_loopback(STR("LocalHost")));
	assert_true(config_is_loopback(STR("127.0.0.1")));
	assert_true(config_is_loopback(STR("127.9.8.7")));
	assert_true(config_is_loopback(STR("[::1]")));
	assert_false(config_is_loopback(STR("")));
	assert_false(config_is_loopback(STR("localhost.example.org")));
	assert_false(config_is_loopback(STR("127.0.0.1.example.org")));
	assert_false(config_is_loopback(STR("127.0.0")));
	assert_false(config_is_loopback(STR("127.0.0.256")));
	assert_false(config_is_loopback(STR("128.0.0.1")));
	assert_false(config_is_loopback(STR("0.0.0.0")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults_hold, begin, end),
		cmocka_unit_test_setup_teardown(values_are_read, begin, end),
		cmocka_unit_test_setup_teardown(faults_name_file_line_and_key, begin, end),
		cmocka_unit_test_setup_teardown(values_out_of_range_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(production_takes_nothing_for_tests, begin, end),
		cmocka_unit_test_setup_teardown(the_development_door_stays_on_loopback, begin, end),
		cmocka_unit_test_setup_teardown(issuers_are_https_or_here, begin, end),
		cmocka_unit_test_setup_teardown(principals_are_checked, begin, end),
		cmocka_unit_test_setup_teardown(the_secret_is_ours_alone, begin, end),
		cmocka_unit_test_setup_teardown(settings_print_a_file_that_can_be_read, begin, end),
		cmocka_unit_test(loopback_is_told_from_look_alikes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
