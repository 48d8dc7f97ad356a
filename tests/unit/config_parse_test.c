// Configuration from files and from the command line: words, quoting, errors with their place.
#include "server/config.h"

#include "server/config_words.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config fresh(void)
{
    struct config config;
    config_init(&config, UINT64_C(8) << 30);
    return config;
}

// Loads a file with this text. The file's name in `path` if not NULL.
static int load(struct config *config, const char *text, size_t length, char path[64],
                char error[CONFIG_ERROR_MAX])
{
    char name[64] = "/tmp/poro-config-test-XXXXXX";
    int file = mkstemp(name);
    cr_assert(file >= 0 && write(file, text, length) == (ssize_t)length);
    close(file);
    int result = config_load(config, name, error);
    unlink(name);
    if (path != NULL) {
        strcpy(path, name);
    }
    return result;
}

static struct config loaded(const char *text)
{
    struct config config = fresh();
    char error[CONFIG_ERROR_MAX];
    int result = load(&config, text, strlen(text), NULL, error);
    cr_assert(result == 0, "%s: %s", text, error);
    return config;
}

static void file_refused_bytes(const char *text, size_t length, const char *wanted)
{
    struct config config = fresh();
    char path[64], error[CONFIG_ERROR_MAX], full[CONFIG_ERROR_MAX];
    cr_expect(eq(int, load(&config, text, length, path, error), -EINVAL), "%s", text);
    snprintf(full, sizeof full, "%s:%s", path, wanted);
    cr_expect(eq(str, error, full));
}

static void file_refused(const char *text, const char *wanted)
{
    file_refused_bytes(text, strlen(text), wanted);
}

// The cases below were tried with redis-server 7.0.15, which takes and refuses the same ones.
Test(file, lines)
{
    cr_assert(eq(i64, loaded("  # x\n\t timeout\t4  \r\n\n \n").timeout_s, 4));
    cr_assert(eq(i64, loaded("TimeOut 5").timeout_s, 5));
    cr_assert(eq(i64, loaded("\"timeout\" '5'\n").timeout_s, 5));
    cr_assert(eq(i64, loaded("timeout 1\ntimeout 2\n").timeout_s, 2));
    cr_assert(eq(i64, loaded("maxmemory 1Gb\n").maxmemory, 1 << 30));
    cr_assert(eq(i64, loaded("hz 1000\n").hz, 500));
    cr_assert(eq(str, loaded("bind \"127.0.0.1  ::1\"\n").bind, "127.0.0.1 ::1"));
    cr_assert(eq(str, loaded("bind 10.0.0.1 * -::*\n").bind, "10.0.0.1 * -::*"));
    cr_assert(eq(str, loaded("save\n").save, ""));
    cr_assert(eq(str, loaded("save \"\"\n").save, ""));
    cr_assert(loaded("").port == 6379);
}

Test(file, quoting)
{
    cr_assert(eq(str, loaded("requirepass \"a\\x41\\n\\\"b\\q\\\\\"").requirepass, "aA\n\"bq\\"));
    cr_assert(eq(str, loaded("requirepass \"\\xZ1\\r\\t\\b\\a\"").requirepass, "xZ1\r\t\b\a"));
    cr_assert(eq(str, loaded("requirepass 'a\\'b'").requirepass, "a'b"));
    cr_assert(eq(str, loaded("requirepass 'a\\nb\"'").requirepass, "a\\nb\""));
    cr_assert(eq(str, loaded("requirepass a\\x41").requirepass, "a\\x41"));
    cr_assert(eq(str, loaded("requirepass a\"b c\"").requirepass, "ab c"));
    cr_assert(eq(str, loaded("requirepass 'a # b'").requirepass, "a # b"));
    cr_assert(eq(str, loaded("requirepass a#b").requirepass, "a#b"));
}

Test(file, refused)
{
    file_refused("timeout\n", "1: timeout: exactly one value is needed");
    file_refused("\n#\ntimeout 1 2\n", "3: timeout: exactly one value is needed");
    file_refused("timeout 4 # x\n", "1: timeout: exactly one value is needed");
    file_refused("timeout \"4\n", "1: unbalanced quotes");
    file_refused("timeout \"4\\", "1: unbalanced quotes");
    file_refused("timeout \"4\"5\n", "1: unbalanced quotes");
    file_refused("requirepass a'b\n", "1: unbalanced quotes");
    file_refused("requirepass \"a\nb\"\n", "1: unbalanced quotes");
    file_refused("port 1\nnosuch 5\n", "2: unknown setting 'nosuch'");
    file_refused("\"\"\n", "1: unknown setting ''");
    file_refused("port 70000\n", "1: port: argument must be between 0 and 65535 inclusive");
    file_refused("PORT abc\n", "1: port: argument couldn't be parsed into an integer");
    file_refused("maxmemory 1q\n", "1: maxmemory: argument must be a memory value");
    file_refused("save 1 2 3\n", "1: save: Invalid save parameters");
    file_refused("appendonly no\n", "1: appendonly: the log cannot be switched off: every write "
                                    "goes through it (appendfsync sets when it is synced)");
    file_refused("databases 17\n", "1: databases: the number of databases is fixed at 16");
    file_refused("bind\n", "1: bind: at least one address is needed");
    file_refused("bind ''\n", "1: bind: at least one address is needed");
    file_refused("bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
                 "1: bind: Too many bind addresses specified.");
    file_refused("dir ''\n", "1: dir: a folder is needed");
    file_refused("wal-segment-size 262145\n",
                 "1: wal-segment-size: argument must be a multiple of 4096 bytes");
    file_refused("wal-segment-size 4kb\n",
                 "1: wal-segment-size: argument must be between 262144 and 1073741824 inclusive");
    file_refused("wal-segments-ahead 2\n",
                 "1: wal-segments-ahead: argument must be between 3 and 1024 inclusive");
    file_refused("\xef\xbb\xbfport 1\n", "1: unknown setting '\xef\xbb\xbfport'");
    file_refused("requirepass \"a\\x00b\"\n",
                 "1: requirepass: argument must not contain a zero byte");
    file_refused_bytes("port 1\ntimeout \"5\0\"\n", 19, "2: a zero byte");
}

Test(file, long_lines)
{
    static char text[2 * CONFIG_LINE_MAX];
    memset(text, ' ', sizeof text);
    text[0] = '#';
    text[CONFIG_LINE_MAX - 1] = '\n'; // the longest line that fits
    text[CONFIG_LINE_MAX] = 'x';
    file_refused_bytes(text, CONFIG_LINE_MAX + 100, "2: unknown setting 'x'");
}

Test(file, too_long)
{
    static char text[2 * CONFIG_LINE_MAX];
    memset(text, 'x', sizeof text);
    file_refused_bytes(text, sizeof text, "1: the line is too long");
    memset(text, ' ', sizeof text);
    for (int i = 0; i < CONFIG_WORDS_MAX + 1; i++) {
        text[2 * i] = 'x';
    }
    file_refused_bytes(text, 4 * CONFIG_WORDS_MAX, "1: too many words");
}

Test(file, not_there)
{
    struct config config = fresh();
    char error[CONFIG_ERROR_MAX];
    cr_assert(eq(int, config_load(&config, "/nonexistent/x", error), -ENOENT));
    cr_assert(eq(str, error, "/nonexistent/x: No such file or directory"));
    cr_assert(eq(int, config_load(&config, "/tmp", error), -EISDIR));
    cr_assert(eq(str, error, "/tmp:1: Is a directory"));
    cr_assert(eq(int, config_load(&config, "/dev/zero", error), -EINVAL));
}

// --- command line ----------------------------------------------------------------------------

static int arguments(struct config *config, const char *const *words, char error[CONFIG_ERROR_MAX])
{
    char *argv[64];
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        argv[argc] = (char *)words[argc];
    }
    error[0] = '\0';
    return config_arguments(config, argc, argv, error);
}

static struct config taken(const char *const *words)
{
    struct config config = fresh();
    char error[CONFIG_ERROR_MAX];
    int result = arguments(&config, words, error);
    cr_assert(result == 0, "%s", error);
    return config;
}
#define TAKEN(...) taken((const char *const[]){__VA_ARGS__, NULL})

static void line_refused(const char *const *words, const char *wanted)
{
    struct config config = fresh();
    char error[CONFIG_ERROR_MAX];
    cr_expect(eq(int, arguments(&config, words, error), -EINVAL));
    cr_expect(eq(str, error, (char *)wanted));
}
#define REFUSED(wanted, ...) line_refused((const char *const[]){__VA_ARGS__, NULL}, wanted)

// As redis-server 7.0.15 does, tried.
Test(arguments, options)
{
    cr_assert(eq(i64, TAKEN("--port", "7000").port, 7000));
    cr_assert(eq(i64, TAKEN("--port 7000", "--save", "").port, 7000));
    cr_assert(eq(i64, TAKEN("--PORT", "7000").port, 7000));
    cr_assert(eq(i64, TAKEN("--timeout", "5", "--timeout", "7").timeout_s, 7));
    cr_assert(eq(i64, TAKEN("--save", "--port", "7000").port, 7000));
    cr_assert(eq(i64, TAKEN("--port", "7000", "--save").port, 7000));
    cr_assert(eq(i64, TAKEN("--save", "", "--port", "7000").port, 7000));
    cr_assert(eq(i64, TAKEN("--port", "7000", "--").port, 7000));
    cr_assert(eq(i64, TAKEN("--", "timeout", "4").timeout_s, 4));
    cr_assert(eq(str, TAKEN("--bind", "127.0.0.1", "::1").bind, "127.0.0.1 ::1"));
    cr_assert(eq(str, TAKEN("--bind", "127.0.0.1 ::1").bind, "127.0.0.1 ::1"));
    cr_assert(eq(str, TAKEN("--requirepass", "--abc").requirepass, "--abc"));
    cr_assert(eq(str, TAKEN("--requirepass", "a b").requirepass, "a b"));
    cr_assert(eq(str, TAKEN("--requirepass", "\"x y").requirepass, "\"x y"));
    cr_assert(eq(str, TAKEN("--requirepass", "-", "--hz", "3").requirepass, "-"));
    cr_assert(eq(str, TAKEN("--requirepass", "").requirepass, ""));
    struct config config = fresh();
    char error[CONFIG_ERROR_MAX];
    cr_assert(eq(int, config_arguments(&config, 0, NULL, error), 0));
}

Test(arguments, refused)
{
    REFUSED("command line: port: exactly one value is needed", "--port");
    REFUSED("command line: port: exactly one value is needed", "--port", "--save", "");
    REFUSED("command line: timeout: exactly one value is needed", "--hz", "1", "--timeout");
    REFUSED("command line: timeout: exactly one value is needed", "--timeout", "5", "6");
    REFUSED("command line: port: exactly one value is needed", "--port", "1", "x.conf");
    REFUSED("command line: port: exactly one value is needed", "--port", "1", "-timeout", "4");
    REFUSED("command line: unknown setting 'nosuch'", "--nosuch", "5");
    REFUSED("command line: unknown setting '-x'", "-x", "--port", "1");
    REFUSED("command line: unknown setting '--timeout'", "--", "--timeout", "4");
    REFUSED("command line: port: argument couldn't be parsed into an integer", "--port", "x");
    REFUSED("command line: --port \"1: unbalanced quotes", "--port \"1");
    REFUSED("command line: -: a configuration from standard input ('-') is not supported", "-",
            "--port", "1");
    REFUSED("command line: --port: a configuration from standard input ('-') is not supported",
            "--port", "1", "-");
}

Test(arguments, file_comes_first)
{
    char path[] = "/tmp/poro-config-test-XXXXXX";
    int file = mkstemp(path);
    cr_assert(file >= 0 && write(file, "timeout 3\nhz 20\n", 16) == 16);
    close(file);
    struct config config = TAKEN(path, "--timeout", "9");
    cr_expect(config.timeout_s == 9 && config.hz == 20);
    REFUSED("command line: unknown setting 'x.conf'", path, "x.conf");
    unlink(path);
    char *argv[] = {path, "--hz"};
    cr_assert(config_arguments_file(2, argv) == path);
    cr_assert(config_arguments_file(1, argv + 1) == NULL);
    cr_assert(config_arguments_file(0, NULL) == NULL);
    char error[CONFIG_ERROR_MAX], wanted[CONFIG_ERROR_MAX];
    snprintf(wanted, sizeof wanted, "%s: No such file or directory", path);
    cr_assert(eq(int, config_arguments(&config, 1, argv, error), -ENOENT));
    cr_assert(eq(str, error, wanted));
}
