/* The error log's line, and the writer behind every log: nothing is lost that can be written, and what is lost is said.
 */
#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char dir[] = "/tmp/weir-unit-XXXXXX";

static const char *in_dir(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % COUNT_OF(paths)];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static char *read_all(const char *path)
{
    struct buf b = { 0 };
    int fd = open(path, O_RDONLY);
    for (ssize_t n = 1; fd >= 0 && n > 0;) {
        n = read(fd, buf_reserve(&b, 65536), 65536);
        b.end += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    buf_add(&b, "", 1);
    return b.data;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static bool holds(const char *path, const char *needle)
{
    char *text = read_all(path);
    bool found = strstr(text, needle) != NULL;
    free(text);
    return found;
}

static void wait_until_holds(const char *path, const char *needle)
{
    for (int i = 0; i < 2000; i++) {
        if (holds(path, needle))
            return;
        usleep(10000);
    }
    fail_msg("%s does not come to hold \"%s\"", path, needle);
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t r;
    assert_int_equal(regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool matches = regexec(&r, text, 0, NULL, 0) == 0;
    regfree(&r);
    if (!matches)
        fail_msg("\"%s\" does not match %s", text, pattern);
}

/* ---- the line ---- */

static void line_is_apaches(void **state)
{
    (void)state;
    char line[512];
    struct log_event e = { .level = LEVEL_ERROR,
                           .module = LOG_PROXY_HTTP,
                           .ah = 1114,
                           .os_error = EIO,
                           .file = "serve/upstream.c",
                           .line = 12,
                           .client = "174.16.0.2:63587",
                           .message = "text",
                           .wall_us = 1763657423481843 };
    size_t n = log_render_default(&e, line, sizeof(line));
    assert_int_equal(n, strlen(line));
    assert_matches(line, "^\\[[A-Z][a-z]{2} Nov [0-9]{2} [0-9:]{8}\\.481843 2025\\] \\[proxy_http:error\\] "
                         "\\[pid [0-9]+:tid [0-9]+\\] \\(5\\)Input/output error: \\[client 174\\.16\\.0\\.2:63587\\] "
                         "AH01114: text$");
}

static void debug_and_below_name_the_source(void **state)
{
    (void)state;
    char line[512];
    struct log_event e = {
        .level = LEVEL_DEBUG, .module = LOG_PROXY, .file = "serve/upstream.c", .line = 12, .message = "text"
    };
    log_render_default(&e, line, sizeof(line));
    assert_matches(line, "\\] upstream\\.c\\(12\\): text$");
    e.level = LEVEL_INFO;
    log_render_default(&e, line, sizeof(line));
    assert_null(strstr(line, "upstream.c"));
}

/* Well-formed text passes (é); half a character, a C1 control and a surrogate do not. */
static void hostile_bytes_are_escaped_in_message_and_referer(void **state)
{
    (void)state;
    char line[512];
    struct log_event e = { .level = LEVEL_ERROR,
                           .message = "a\nb\x1b[1m\\\"\xc3\xa9\xc2\x9b\xe3\x81\xed\xa0\x80\x7f\t",
                           .referer = "http://x/\r\n" };
    log_render_default(&e, line, sizeof(line));
    assert_non_null(strstr(
        line, "] a\\nb\\x1b[1m\\\\\"\xc3\xa9\\xc2\\x9b\\xe3\\x81\\xed\\xa0\\x80\\x7f\\t, referer: http://x/\\r\\n"));
}

static void name_lookup_errors_are_told_as_apr_does(void **state)
{
    (void)state;
    char line[512];
    struct log_event e = { .level = LEVEL_ERROR, .os_error = EAI_NONAME, .ah = 898, .message = "x" };
    log_render_default(&e, line, sizeof(line));
    assert_non_null(strstr(line, "] (EAI 2)Name or service not known: AH00898: x"));
}

static void long_line_is_cut_not_overrun(void **state)
{
    (void)state;
    char line[128], *message = malloc(10001);
    memset(message, '\n', 10000);
    message[10000] = '\0';
    struct log_event e = { .level = LEVEL_ERROR, .message = message, .referer = message };
    size_t n = log_render_default(&e, line, sizeof(line));
    assert_in_range(n, 100, sizeof(line) - 1);
    assert_int_equal(strlen(line), n);
    free(message);
}

static void names_of_levels_and_modules(void **state)
{
    (void)state;
    assert_int_equal(log_level_find("Warn"), LEVEL_WARN);
    assert_int_equal(log_level_find("trace8"), LEVEL_TRACE8);
    assert_int_equal(log_level_find("trace9"), -1);
    assert_int_equal(log_level_find(""), -1);
    for (int i = 0; i < LOG_MODULES; i++)
        assert_int_equal(log_module_find(log_module_name((enum log_module)i)), i);
    assert_int_equal(log_module_find("proxy_module"), LOG_PROXY);
    assert_int_equal(log_module_find("mod_proxy.c"), LOG_PROXY);
    assert_int_equal(log_module_find("http_core.c"), LOG_HTTP);
    assert_int_equal(log_module_find("event.c"), LOG_MPM_EVENT);
    assert_int_equal(log_module_find("mod_proxy"), -1);
    assert_int_equal(log_module_find("proxy_modul"), -1);
    assert_int_equal(log_module_find(""), -1);
}

static void levels_decide_and_notices_always_pass(void **state)
{
    (void)state;
    struct log_target t = log_main;
    assert_true(log_wants(&t, LOG_CORE, LEVEL_WARN));
    assert_false(log_wants(&t, LOG_CORE, LEVEL_INFO));
    assert_true(log_wants(&t, LOG_CORE, LEVEL_NOTICE));
    assert_false(log_is_heard(LEVEL_TRACE2));
    t.levels.of[LOG_PROXY] = LEVEL_TRACE2;
    log_deepen(LEVEL_TRACE2);
    log_deepen(LEVEL_INFO);
    assert_true(log_is_heard(LEVEL_TRACE2) && !log_is_heard(LEVEL_TRACE3));
    assert_true(log_wants(&t, LOG_PROXY, LEVEL_TRACE2));
    assert_false(log_wants(&t, LOG_PROXY, LEVEL_TRACE3));
    assert_false(log_wants(&t, LOG_CORE, LEVEL_TRACE2));
}

/* ---- sinks ---- */

static void target_writes_to_its_file_at_once_without_the_writer(void **state)
{
    (void)state;
    char *error = NULL;
    struct log_target t = log_main;
    t.sink = log_sink_hold(in_dir("now.log"), LOG_SINK_ERROR, &error);
    assert_non_null(t.sink);
    LOG_AT(&t, LOG_PROXY, LEVEL_ERROR, 898, 0, "192.0.2.1:5", "no answer from %s", "backend");
    LOG_AT(&t, LOG_PROXY, LEVEL_INFO, 0, 0, NULL, "not wanted");
    char *text = read_all(in_dir("now.log"));
    assert_matches(text, "^\\[[^]]+\\] \\[proxy:error\\] \\[pid .*\\] \\[client 192\\.0\\.2\\.1:5\\] AH00898: no "
                         "answer from backend\n$");
    struct stat st;
    assert_int_equal(stat(in_dir("now.log"), &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0022, 0644);
    free(text);
    log_sink_drop(t.sink);
}

static void sinks_are_shared_by_spec_and_kind(void **state)
{
    (void)state;
    struct log_sink *a = log_sink_hold(in_dir("shared"), LOG_SINK_ERROR, NULL);
    struct log_sink *b = log_sink_hold(in_dir("shared"), LOG_SINK_ERROR, NULL);
    struct log_sink *c = log_sink_hold(in_dir("shared"), LOG_SINK_ACCESS, NULL);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_string_equal(log_sink_spec(a), in_dir("shared"));
    log_sink_drop(a), log_sink_drop(b), log_sink_drop(c);
}

static void what_cannot_be_opened_is_refused_with_apaches_words(void **state)
{
    (void)state;
    const struct {
        const char *spec, *pattern;
    } bad[] = {
        { "/no-such-dir/error.log", "^\\(2\\)No such file or directory: AH00091: [^ ]+: could not open error log file "
                                    "/no-such-dir/error.log\\.$" },
        { "|/no-such-program -x",
          "^\\(2\\)No such file or directory: AH00089: Couldn't start ErrorLog process '/no-such-program -x'\\.$" },
        { "|", "AH00089" },
        { "syslog:nofacility", "AH10036: .*could not open syslog error log nofacility\\.$" },
    };
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        char *error = NULL;
        assert_null(log_sink_hold(bad[i].spec, LOG_SINK_ERROR, &error));
        assert_non_null(error);
        assert_matches(error, bad[i].pattern);
        free(error);
    }
    const char *const good[] = { "syslog", "syslog:local3", "syslog::tag", "syslog:user:tag", "/dev/stderr" };
    for (unsigned i = 0; i < COUNT_OF(good); i++) {
        struct log_sink *s = log_sink_hold(good[i], LOG_SINK_ERROR, NULL);
        assert_non_null(s);
        assert_int_equal(log_sink_is_syslog(s), strncmp(good[i], "syslog", 6) == 0);
        log_sink_drop(s);
    }
}

static void stop_writes_all_that_is_queued_in_order(void **state)
{
    (void)state;
    struct log_sink *s = log_sink_hold(in_dir("order"), LOG_SINK_ACCESS, NULL);
    char line[32];
    log_writer_start();
    for (int i = 0; i < 1000; i++)
        log_sink_write(s, line, (size_t)snprintf(line, sizeof(line), "%d\n", i), LEVEL_INFO);
    log_writer_stop();
    char *text = read_all(in_dir("order")), *at = text;
    for (int i = 0; i < 1000; i++, at++)
        assert_int_equal(strtol(at, &at, 10), i);
    assert_int_equal(*at, '\0');
    free(text);
    log_sink_drop(s);
}

static void lines_before_the_drop_are_written(void **state)
{
    (void)state;
    log_writer_start();
    struct log_sink *s = log_sink_hold(in_dir("drop"), LOG_SINK_ACCESS, NULL);
    log_sink_set_buffered(s, true);
    log_sink_write(s, "last\n", 5, LEVEL_INFO);
    log_sink_drop(s);
    wait_until_holds(in_dir("drop"), "last\n");
    log_writer_stop();
}

/* One of several, for a machine that is busy. */
static bool full_blocks_are_written_at_once(struct log_sink *s)
{
    char block[SINK_BUFFER_BYTES], end[] = "xa\n";
    memset(block, 'x', sizeof(block));
    for (; end[1] < 'k'; end[1]++) {
        uint64_t before = base_now_ms();
        memcpy(block + sizeof(block) - 3, end, 3);
        log_sink_write(s, block, sizeof(block), LEVEL_INFO);
        wait_until_holds(in_dir("buffered"), end);
        if (base_now_ms() - before < SINK_BUFFER_MS)
            return true;
    }
    return false;
}

static void buffered_lines_wait_a_second_at_most(void **state)
{
    (void)state;
    log_writer_start();
    struct log_sink *s = log_sink_hold(in_dir("buffered"), LOG_SINK_ACCESS, NULL);
    log_sink_set_buffered(s, true);
    uint64_t before = base_now_ms();
    log_sink_write(s, "one\n", 4, LEVEL_INFO);
    usleep(200000);
    char *text = read_all(in_dir("buffered"));
    if (base_now_ms() - before < SINK_BUFFER_MS) /* else this machine has slept for so long, and the line was due */
        assert_string_equal(text, "");
    free(text);
    wait_until_holds(in_dir("buffered"), "one\n");
    assert_true(full_blocks_are_written_at_once(s));
    log_sink_drop(s);
    log_writer_stop();
}

/* ---- rotation under load ---- */

enum { WRITERS = 4, EACH = 20000 };
static struct log_sink *rotated;

static void *keep_writing(void *arg)
{
    char line[64];
    for (int i = 0; i < EACH; i++) {
        int n = snprintf(line, sizeof(line), "%d %d\n", (int)(intptr_t)arg, i);
        log_sink_write(rotated, line, (size_t)n, LEVEL_INFO);
        if (i % 500 == 0)
            usleep(500);
    }
    return NULL;
}

/* Adds the file's lines to the count of each writer, whose order must hold from file to file. */
static void follow(const char *path, int *next)
{
    char *text = read_all(path);
    for (char *at = text; *at; at++) {
        long who = strtol(at, &at, 10), what = strtol(at, &at, 10);
        assert_in_range(who, 0, WRITERS - 1);
        assert_int_equal(what, next[who]++);
        assert_int_equal(*at, '\n');
    }
    free(text);
}

static void rotation_under_four_writers_loses_no_line(void **state)
{
    (void)state;
    char path[128], old[160];
    pthread_t threads[WRITERS];
    int next[WRITERS] = { 0 }, turns = 0;
    snprintf(path, sizeof(path), "%s", in_dir("rotated"));
    rotated = log_sink_hold(path, LOG_SINK_ACCESS, NULL);
    log_writer_start();
    for (intptr_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_writing, (void *)i), 0);
    for (; turns < 8; turns++) {
        usleep(3000);
        snprintf(old, sizeof(old), "%s.%d", path, turns);
        assert_int_equal(rename(path, old), 0);
        log_reopen_all();
        for (int i = 0; i < 4000 && access(path, F_OK) != 0; i++)
            usleep(5000);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    log_writer_stop();
    for (int i = 0; i < turns; i++) {
        snprintf(old, sizeof(old), "%s.%d", path, i);
        follow(old, next);
    }
    follow(path, next);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(next[i], EACH);
    log_sink_drop(rotated);
}

static void what_was_queued_before_the_reopen_stays_in_the_old_file(void **state)
{
    (void)state;
    log_writer_start();
    struct log_sink *s = log_sink_hold(in_dir("exact"), LOG_SINK_ACCESS, NULL);
    assert_int_equal(rename(in_dir("exact"), in_dir("exact.1")), 0);
    log_sink_write(s, "before\n", 7, LEVEL_INFO);
    log_reopen_all();
    log_sink_write(s, "after\n", 6, LEVEL_INFO);
    log_writer_stop();
    char *old = read_all(in_dir("exact.1")), *new = read_all(in_dir("exact"));
    assert_string_equal(old, "before\n");
    assert_string_equal(new, "after\n");
    free(old), free(new);
    log_sink_drop(s);
}

static int refuse(const char *path)
{
    (void)path;
    errno = EACCES;
    return -1;
}

static void failed_reopen_keeps_the_old_file_and_says_so(void **state)
{
    (void)state;
    log_writer_start();
    struct log_sink *s = log_sink_hold(in_dir("kept"), LOG_SINK_ERROR, NULL);
    log_set_opener(refuse);
    log_reopen_all();
    log_sink_write(s, "still here\n", 11, LEVEL_ERROR);
    wait_until_holds(in_dir("kept"), "still here\n");
    wait_until_holds(in_dir("kept"), "(13)Permission denied: could not open log file");
    log_set_opener(NULL);
    log_sink_drop(s);
    log_writer_stop();
}

/* ---- programs ---- */

static void piped_program_receives_its_words_and_lines(void **state)
{
    (void)state;
    char spec[256];
    snprintf(spec, sizeof(spec), "||/bin/sh -c 'cat > \"$0\"' %s", in_dir("two\\ words"));
    log_writer_start();
    struct log_sink *s = log_sink_hold(spec, LOG_SINK_ACCESS, NULL);
    assert_non_null(s);
    for (int i = 0; i < 10000; i++)
        log_sink_write(s, "sixteen bytes..\n", 16, LEVEL_INFO);
    log_sink_write(s, "end\n", 4, LEVEL_INFO);
    wait_until_holds(in_dir("two words"), "end\n");
    char *text = read_all(in_dir("two words"));
    assert_int_equal(strlen(text), 160004);
    free(text);
    log_sink_drop(s);
    log_writer_stop();
}

static void program_by_shell(void **state)
{
    (void)state;
    char spec[256];
    snprintf(spec, sizeof(spec), "|$sed s/in/out/ > %s", in_dir("shell"));
    struct log_sink *s = log_sink_hold(spec, LOG_SINK_ACCESS, NULL);
    assert_non_null(s);
    log_sink_write(s, "in\n", 3, LEVEL_INFO);
    log_sink_drop(s);
    wait_until_holds(in_dir("shell"), "out\n");
}

static void program_that_dies_is_started_again(void **state)
{
    (void)state;
    char spec[256];
    snprintf(spec, sizeof(spec), "|$head -c 3 >> %s; exec <&-; echo gone > %s", in_dir("dies"), in_dir("dies.gone"));
    log_writer_start();
    struct log_sink *errors = log_sink_hold(in_dir("dies.errors"), LOG_SINK_ERROR, NULL);
    struct log_sink *s = log_sink_hold(spec, LOG_SINK_ACCESS, NULL);
    log_sink_write(s, "aa\n", 3, LEVEL_INFO);
    wait_until_holds(in_dir("dies"), "aa\n");
    wait_until_holds(in_dir("dies.gone"), "gone\n"); /* nobody reads the pipe any more */
    log_sink_write(s, "bb\n", 3, LEVEL_INFO);
    wait_until_holds(in_dir("dies"), "bb\n");
    wait_until_holds(in_dir("dies.errors"), "failed unexpectedly");
    log_sink_drop(s), log_sink_drop(errors);
    log_writer_stop();
}

/* The first one dies on half of a line longer than any pipe; the second gets the line whole. */
static void line_cut_by_a_death_is_sent_again_whole(void **state)
{
    (void)state;
    enum { LONG = 300000 };
    char spec[256], *line = malloc(LONG);
    memset(line, 'y', LONG);
    line[LONG - 1] = '\n';
    snprintf(spec, sizeof(spec), "|$if [ -e %s ]; then cat > %s; else touch %s; sleep 0.2; fi", in_dir("second"),
             in_dir("whole"), in_dir("second"));
    log_writer_start();
    struct log_sink *s = log_sink_hold(spec, LOG_SINK_ERROR, NULL);
    log_sink_write(s, line, LONG, LEVEL_INFO);
    log_sink_write(s, "end\n", 4, LEVEL_INFO);
    wait_until_holds(in_dir("whole"), "y\nend\n");
    char *text = read_all(in_dir("whole"));
    assert_int_equal(strspn(text, "y"), LONG - 1);
    free(text), free(line);
    log_sink_drop(s);
    log_writer_stop();
}

static void stuck_program_holds_nobody_up_and_its_losses_are_told(void **state)
{
    (void)state;
    char spec[256], line[100];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    snprintf(spec, sizeof(spec), "|$while [ ! -e %s ]; do sleep 0.05; done; cat > %s", in_dir("go"), in_dir("stuck"));
    size_t lost_before = log_lines_lost();
    log_writer_start();
    log_set_limit(100000); /* besides what the pipe itself holds */
    struct log_sink *s = log_sink_hold(spec, LOG_SINK_ACCESS, NULL);
    struct log_sink *other = log_sink_hold(in_dir("other"), LOG_SINK_ACCESS, NULL);
    for (int i = 0; i < 3000; i++)
        log_sink_write(s, line, sizeof(line), LEVEL_INFO);
    log_sink_write(other, "not held up\n", 12, LEVEL_INFO);
    wait_until_holds(in_dir("other"), "not held up\n");
    size_t lost = log_lines_lost() - lost_before;
    assert_in_range(lost, 1000, 2900);
    close(open(in_dir("go"), O_WRONLY | O_CREAT, 0600));
    char said[64];
    snprintf(said, sizeof(said), "%zu log lines lost\n", lost);
    wait_until_holds(in_dir("stuck"), said);
    char *text = read_all(in_dir("stuck"));
    assert_int_equal(count_lines(text), 3000 - lost + 1);
    free(text);
    log_sink_drop(s), log_sink_drop(other);
    log_writer_stop();
    log_set_limit(16u << 20);
}

static void gone_reader_in_sync_mode_is_no_signal(void **state)
{
    (void)state;
    struct log_sink *s = log_sink_hold("|/bin/true", LOG_SINK_ACCESS, NULL);
    assert_non_null(s);
    usleep(100000);
    log_sink_write(s, "x\n", 2, LEVEL_INFO); /* a SIGPIPE would end the test */
    log_sink_drop(s);
}

static void full_disk_loses_lines_that_are_counted(void **state)
{
    (void)state;
    size_t before = log_lines_lost();
    struct log_sink *s = log_sink_hold("/dev/full", LOG_SINK_ACCESS, NULL);
    assert_non_null(s);
    log_sink_write(s, "a\n", 2, LEVEL_INFO);
    log_sink_write(s, "b\n", 2, LEVEL_INFO);
    assert_int_equal(log_lines_lost() - before, 2);
    log_sink_drop(s);
}

/* ---- the end ---- */

static void panic_leaves_the_queued_lines_behind(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct log_sink *s = log_sink_hold(in_dir("panic"), LOG_SINK_ERROR, NULL);
        log_writer_start();
        log_sink_set_buffered(s, true);
        log_sink_write(s, "last thing seen\n", 16, LEVEL_CRIT);
        close(STDERR_FILENO);
        abort();
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    char *text = read_all(in_dir("panic"));
    assert_string_equal(text, "last thing seen\n");
    free(text);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_is_apaches),
        cmocka_unit_test(debug_and_below_name_the_source),
        cmocka_unit_test(hostile_bytes_are_escaped_in_message_and_referer),
        cmocka_unit_test(name_lookup_errors_are_told_as_apr_does),
        cmocka_unit_test(long_line_is_cut_not_overrun),
        cmocka_unit_test(names_of_levels_and_modules),
        cmocka_unit_test(levels_decide_and_notices_always_pass),
        cmocka_unit_test(target_writes_to_its_file_at_once_without_the_writer),
        cmocka_unit_test(sinks_are_shared_by_spec_and_kind),
        cmocka_unit_test(what_cannot_be_opened_is_refused_with_apaches_words),
        cmocka_unit_test(stop_writes_all_that_is_queued_in_order),
        cmocka_unit_test(lines_before_the_drop_are_written),
        cmocka_unit_test(buffered_lines_wait_a_second_at_most),
        cmocka_unit_test(rotation_under_four_writers_loses_no_line),
        cmocka_unit_test(what_was_queued_before_the_reopen_stays_in_the_old_file),
        cmocka_unit_test(failed_reopen_keeps_the_old_file_and_says_so),
        cmocka_unit_test(piped_program_receives_its_words_and_lines),
        cmocka_unit_test(program_by_shell),
        cmocka_unit_test(program_that_dies_is_started_again),
        cmocka_unit_test(line_cut_by_a_death_is_sent_again_whole),
        cmocka_unit_test(stuck_program_holds_nobody_up_and_its_losses_are_told),
        cmocka_unit_test(gone_reader_in_sync_mode_is_no_signal),
        cmocka_unit_test(full_disk_loses_lines_that_are_counted),
        cmocka_unit_test(panic_leaves_the_queued_lines_behind),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
