/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `status` shows of the daemon's document, and that it always fits. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

#define NOW_S 1700000000

static const char node[] =
	"'node':{'name':'lb1','version':'0.1.0','instance':'default','uptime_s':3542400,"
	"'revision':87,'loaded_at_s':1699999000,'runtime_changes':true,'runtime_change_count':1},"
	"'interfaces':[{'name':'eth0','ifindex':2,'mode':'native','is_dispatched':false,"
	"'driver':'mlx5_core','attached_s':3542400,'program_id':12}],"
	"'rates':{'forwarded_pps':1380000,'passed_pps':12,'dropped_pps':38100}";

#define MEMBER(address, more)                                                                      \
	"{'service':'web','pool':'default','address':'" address "','port':443,'owner':'file',"     \
	"'weight':100,'weight_file':100,'rates':{'packets':1,'bytes':1,'new_connections':4900}"    \
	"," more "}"
#define SERVING                                                                                    \
	"'now_percent':100,'of_new_percent':50,'state':'serving','health':'up','health_text':'',"  \
	"'latency_us':1800"
#define STARTING                                                                                   \
	"'now_percent':30,'of_new_percent':13,'state':'serving','health':'up','health_text':'',"   \
	"'latency_us':1800,'slow_start':{'percent':30,'left_s':40}"
#define EJECTED                                                                                    \
	"'now_percent':0,'of_new_percent':0,'state':'ejected','health':'down',"                    \
	"'health_text':'connect timed out','health_since_s':1699999750"

#define SERVICE(name, listen, state, serving, members)                                             \
	"{'name':'" name "','listen':'" listen "','mode':'ipip','state':'" state "',"              \
	"'members_total':2,'members_serving':" serving ",'table':'9c41e07a','slots':4096,"         \
	"'rates':{'packets':1290000,'bytes':387500000,'new_connections':12400},"                   \
	"'pools':[{'name':'default','members':[" members "]}]}"

static const char limits[] =
	"'limits':[{'name':'per-client','count':'new-connections','rate':'50/s','burst':200,"
	"'prefix4':32,'prefix6':64,'mode':'enforce','mode_file':'enforce',"
	"'rates':{'refused':38100,'would_refuse':0}}],"
	"'dropped':[{'reason':'limit','total':9,'per_second':38100},"
	"{'reason':'too_big','total':7,'per_second':0}]";

/* Single quotes for double ones, so that the documents above can be read. */
static json_t *document(const char *fmt, ...)
{
	char text[4096];
	json_t *result;
	json_error_t error;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (char *c = text; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	result = json_loads(text, 0, &error);
	if (result == NULL)
		fail_msg("%s at %d in %s", error.text, error.position, text);
	return result;
}

static char *rendered(json_t *status, bool is_verbose, bool has_colour)
{
	char *text = NULL;
	size_t length;
	struct view view = {.width = CLI_STATUS_WIDTH,
			    .is_verbose = is_verbose,
			    .has_colour = has_colour,
			    .now_s = NOW_S};

	view.out = open_memstream(&text, &length);
	render_status(&view, status);
	fclose(view.out);
	json_decref(status);
	return text;
}

static void assert_fits(const char *text)
{
	AUTO_FREE char *copy = util_strdup(text);
	char *rest;

	for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (text_width(line) > CLI_STATUS_WIDTH)
			fail_msg("%d columns: %s", text_width(line), line);
		assert_int_not_equal(line[strlen(line) - 1], ' ');
	}
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("'%s' is missing in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' does not belong in:\n%s", part, text);
}

static json_t *healthy(void)
{
	return document(
		"{'state':'ok','summary':'all members serving','why':[],'next':null,%s,"
		"'services':[" SERVICE("web", "tcp 192.0.2.10:443", "ok", "2",
				       MEMBER("10.1.0.11", SERVING)) "],'limits':[],'dropped':[]}",
		node);
}

static void healthy_is_short(void **state)
{
	AUTO_FREE char *text = rendered(healthy(), false, false);

	(void)state;
	assert_string_equal(text,
			    "OK  all members serving\n"
			    "\n"
			    "node lb1  sluiced 0.1.0 up 41 d   revision 87, loaded 21:56; 1 "
			    "runtime change not in file (diff)\n"
			    "eth0      native XDP, mlx5_core, attached 41 d\n"
			    "traffic   forwarded 1.38 Mpps   passed 12 pps   dropped 38.1 kpps\n"
			    "\n"
			    "SERVICE  LISTEN              MODE  SERVING  NEW CONN   PACKETS   BITS "
			    "IN  STATE  TABLE\n"
			    "web      tcp 192.0.2.10:443  ipip      2/2  12.4 k/s  1.29 M/s  3.10 "
			    "G/s  ok     9c41e07a\n");
}

static void verbose_shows_members(void **state)
{
	AUTO_FREE char *text = rendered(healthy(), true, false);

	(void)state;
	assert_fits(text);
	assert_has(text, "10.1.0.11:443     100  100%     50%  4.90 k/s  ok 1.8 ms  serving");
}

static void slow_start_is_shown(void **state)
{
	AUTO_FREE char *text = rendered(document("{'state':'ok',%s,'services':[" SERVICE(
							 "web", "tcp 192.0.2.10:443", "ok", "2",
							 MEMBER("10.1.0.11", SERVING) "," MEMBER(
								 "10.1.0.12", STARTING)) "]}",
						 node),
					true, false);
	json_t *member = document(MEMBER("10.1.0.12", STARTING));
	AUTO_FREE char *shown = NULL;
	size_t length;
	struct view view = {.out = open_memstream(&shown, &length), .width = CLI_STATUS_WIDTH};

	(void)state;
	assert_fits(text);
	assert_has(text, "  ok 1.8 ms  serving\n");
	assert_has(text,
		   "10.1.0.12:443     100   30%     13%  4.90 k/s  ok 1.8 ms  slow start, 30%\n");
	render_member(&view, member);
	fclose(view.out);
	json_decref(member);
	assert_has(shown, "slow start   30% of its weight, all of it in 40 s\n");
}

static void degraded_says_why_and_what_next(void **state)
{
	AUTO_FREE char *text = rendered(
		document(
			"{'state':'degraded','summary':'web: 1 of 2 members serving',"
			"'why':['10.3.0.11 ejected 4 min ago: 3 connect timeouts','second reason'],"
			"'next':'sluicectl member show web 10.3.0.11',%s,"
			"'services':[" SERVICE(
				"web", "tcp 192.0.2.10:443", "degraded", "1",
				MEMBER("10.1.0.11", SERVING) "," MEMBER(
					"10.3.0.11",
					EJECTED)) "," SERVICE("dns", "udp 192.0.2.53:53", "ok", "2",
							      MEMBER("10.9.0.9", SERVING)) "],%s}",
			node, limits),
		false, false);

	(void)state;
	assert_fits(text);
	assert_int_equal(strncmp(text,
				 "DEGRADED  web: 1 of 2 members serving\n"
				 "  why     10.3.0.11 ejected 4 min ago: 3 connect timeouts\n"
				 "          second reason\n"
				 "  next    sluicectl member show web 10.3.0.11\n\n",
				 strlen("DEGRADED  web")),
			 0);
	assert_has(text,
		   "          second reason\n  next    sluicectl member show web 10.3.0.11\n\n");
	assert_has(text, "dns      udp 192.0.2.53:53   ipip      2/2         -  1.29 M/s");
	assert_has(text, "\nweb\nMEMBER");
	assert_has(text, "10.3.0.11:443     100    0%       -         -  connect timed out  "
			 "ejected 4 min\n");
	assert_lacks(text, "10.9.0.9"); /* its service is well */
	assert_has(text, "per-client  new conn  50/s /32 /64    200  enforce  38.1 k/s");
	assert_has(text, "DROPPED  limit 38.1 k/s\n");
	assert_lacks(text, "too_big");
}

/* Commands in reasons are for the instance that was asked. */
static void reasons_name_the_instance(void **state)
{
	AUTO_FREE char *text;

	(void)state;
	cli_tell_instance("edge");
	text = rendered(document("{'state':'degraded','summary':'one','why':['a route is missing "
				 "(sluicectl node show)'],'next':'sluicectl --instance edge diff',"
				 "%s,'services':[],'limits':[],'dropped':[]}",
				 node),
			false, false);
	cli_tell_instance("default");
	assert_has(text, "(sluicectl --instance edge node show)");
	assert_has(text, "  next    sluicectl --instance edge diff\n");
}

static void fault_leads(void **state)
{
	json_t *status = document("{'state':'fault','summary':'web: no member serves',%s,"
				  "'services':[" SERVICE("web", "tcp 192.0.2.10:443", "down", "0",
							 MEMBER("10.1.0.11", EJECTED)) "]}",
				  node);
	AUTO_FREE char *text = rendered(json_incref(status), false, false);
	AUTO_FREE char *coloured = rendered(status, false, true);

	(void)state;
	assert_fits(text);
	assert_int_equal(strncmp(text, "FAULT  web: no member serves\n", 29), 0);
	assert_has(text, "  down   9c41e07a");
	assert_lacks(text, "\033");
	assert_has(coloured, "\033[1;31mFAULT\033[0m  web: no member serves\n");
}

/* What is on is said, with who set it; what is off is not. */
static void bypass_is_shown(void **state)
{
	AUTO_FREE char *on =
		rendered(document("{'state':'ok','summary':'fine, limits refuse nothing',%s,"
				  "'bypass':{'limits':{'left_s':840,'since_s':1,'by':'alice'},"
				  "'lists':null},'services':[]}",
				  node),
			 false, false);
	AUTO_FREE char *off = rendered(document("{'state':'ok','summary':'fine',%s,'bypass':"
						"{'limits':null,'lists':null},'services':[]}",
						node),
				       true, false);

	(void)state;
	assert_has(on, "\nbypass    limits refuse nothing for another 14 min, set by alice\n");
	assert_null(strstr(on, "lists"));
	assert_null(strstr(off, "bypass"));
}

/* The longest names, IPv6 everywhere, long reasons: cut or wrapped, never wider. */
static void announcing_is_shown(void **state)
{
	static const struct {
		const char *role;
		int arp, routes, installed, quiet_s;
		const char *want; /* NULL: nothing */
	} rows[] = {
		{"active", 0, 0, 0, 9, NULL},
		{"standby", 0, 0, 0, -1, "role      standby\n"},
		{"standby", 0, 0, 0, 1,
		 "role      standby; packets for its services still arrive\n"},
		{"standby", 0, 0, 0, 240,
		 "role      standby; no packet for its services for 4 min\n"},
		{"active", 2, 0, 0, 9, "role      active: ARP and ND answered for 2 addresses\n"},
		{"active", 0, 2, 2, 9, "role      active: routes 2 of 2 in table 201\n"},
		{"standby", 1, 2, 0, 12,
		 "role      standby: ARP and ND not answered for 1 address, routes 0 of 2 in table "
		 "201; no packet for\n          its services for 12 s\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *status = healthy();
		AUTO_FREE char *text = NULL;

		json_object_set_new(json_object_get(status, "node"), "role",
				    json_string(rows[i].role));
		json_object_set_new(status, "announce",
				    json_pack("{s:i, s:i, s:i, s:i}", "arp", rows[i].arp, "routes",
					      rows[i].routes, "routes_installed", rows[i].installed,
					      "table", 201));
		if (rows[i].quiet_s >= 0)
			json_object_set_new(status, "traffic",
					    json_pack("{s:i}", "quiet_s", rows[i].quiet_s));
		text = rendered(status, false, false);
		assert_fits(text);
		if (rows[i].want)
			assert_has(text, rows[i].want);
		else
			assert_lacks(text, "role ");
	}
}

static void extremes_fit(void **state)
{
#define LONG_NAME "a23456789012345678901234567890123456789012345678901234567890123"
#define LONG_TEXT                                                                                  \
	"the member answered with something that takes many words to say and many more to "        \
	"understand, and then some"
	AUTO_FREE char *text = rendered(
		document("{'state':'degraded','summary':'" LONG_TEXT LONG_TEXT "',"
			 "'why':['" LONG_TEXT "'],%s,'services':[" SERVICE(
				 LONG_NAME, "tcp [2001:db8:1111:2222:3333:4444:5555:6666]:65535",
				 "degraded", "1",
				 MEMBER("2001:db8:1111:2222:3333:4444:5555:6666",
					"'now_percent':33.3,'of_new_percent':12.5,'state':'"
					"unreachable',"
					"'health':'down','health_text':'" LONG_TEXT
					"','nexthop':{'state':'failed','text':'" LONG_TEXT
					"'}")) "],%s}",
			 node, limits),
		true, false);

	(void)state;
	assert_fits(text);
	assert_has(text, "...");
	assert_has(text, "unreach");
}

static void a_way_without_words_is_pending(void **state)
{
	AUTO_FREE char *text = rendered(
		document("{'state':'degraded','services':[" SERVICE(
				 "web", "tcp 192.0.2.1:443", "degraded", "1",
				 MEMBER("10.0.0.1", "'state':'unreachable','nexthop':{'state':"
						    "'pending','text':''}")) "],%s,%s}",
			 node, limits),
		true, false);

	(void)state;
	assert_has(text, "unreachable: its next hop is not");
}

/* Out by its check, and yet it gets all of its weight. */
static void panic_is_a_state(void **state)
{
	AUTO_FREE char *text =
		rendered(document("{'state':'fault','services':[" SERVICE(
					  "web", "tcp 192.0.2.1:443", "down", "0",
					  MEMBER("10.0.0.1", "'state':'ejected','health':'down',"
							     "'now_percent':100")) "],%s,%s}",
				  node, limits),
			 true, false);

	(void)state;
	assert_has(text, "100%");
	assert_has(text, "panic, ejected");
}

/* Fields of a newer or older daemon may be missing: no crash, no invention. */
static void missing_fields_are_dashes(void **state)
{
	AUTO_FREE char *empty = rendered(document("{}"), true, false);
	AUTO_FREE char *bare = rendered(document("{'state':'ok','services':[{}],'limits':[{}],"
						 "'interfaces':[{}],'why':[7],'dropped':[{}]}"),
					true, false);

	(void)state;
	assert_int_equal(strncmp(empty, "FAULT", 5), 0); /* no state is no good state */
	assert_fits(bare);
	assert_has(bare, "-  ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_is_short),
		cmocka_unit_test(verbose_shows_members),
		cmocka_unit_test(slow_start_is_shown),
		cmocka_unit_test(degraded_says_why_and_what_next),
		cmocka_unit_test(reasons_name_the_instance),
		cmocka_unit_test(fault_leads),
		cmocka_unit_test(bypass_is_shown),
		cmocka_unit_test(announcing_is_shown),
		cmocka_unit_test(extremes_fit),
		cmocka_unit_test(missing_fields_are_dashes),
		cmocka_unit_test(panic_is_a_state),
		cmocka_unit_test(a_way_without_words_is_pending),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
