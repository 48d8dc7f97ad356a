// poro-wal: looks at the log of a data folder while no server runs, saves what can be saved, and
// moves data from Redis and back.
#include "server/wal_tool.h"

#include "server/server.h"
#include "wal/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NAMES_DEFAULT 20
#define NAMES_MAX 1000000

static const char usage[] =
    "usage: poro-wal check  DIR [--force] [--names N]\n"
    "       poro-wal dump   DIR [--segment N] [--keys PATTERN] [--values] [--force]\n"
    "       poro-wal repair DIR TARGET [--salvage [--keyspace K=DB]...] [--names N]\n"
    "       poro-wal import FILE.rdb TARGET [--strict] [--segment-size SIZE] [--names N]\n"
    "       poro-wal export --rdb FILE DIR\n"
    "       poro-wal --help | --version\n";

static const char manual[] =
    "\n"
    "Looks at the log of a Poro data folder DIR. Nothing in DIR is ever changed. The folder is\n"
    "locked while it is read, as a server locks it. Moves data from Redis and back.\n"
    "\n"
    "check\n"
    "    Reads everything as a starting server would, and reports: the identity of the folder (a\n"
    "    fingerprint of it), the completion log, all segments, D (everything up to it is known to\n"
    "    have been on stable storage), E (the unbroken chain of frames ends here) and the\n"
    "    verdict. E >= D: a server starts and replays up to E; what follows was never\n"
    "    acknowledged as durable. E < D: acknowledged data is damaged or missing; a server\n"
    "    refuses to start. Then the report says where the damage is, which sequences are lost,\n"
    "    what is still whole beyond it, and which keys that names.\n"
    "\n"
    "dump\n"
    "    Prints every frame and record, segment by segment, in the order in which they were\n"
    "    written. Lines with ! mark what is not as it should be, the line with = where the chain\n"
    "    ends; frames that do not count (superseded, left over, beyond E) say so.\n"
    "    --segment N      only the segment with this number (check shows them)\n"
    "    --keys PATTERN   only records of keys that match, as in KEYS: * ? [a-z] \\\n"
    "    --values         values too, with escapes for what is not printable\n"
    "\n"
    "repair\n"
    "    Writes what can be saved into the new folder TARGET, which must not exist or be empty;\n"
    "    a server starts from it. Kept is everything up to E, where the unbroken chain ends. It\n"
    "    gets an identity of its own, is synced, read back and compared before it counts as a\n"
    "    data folder. The report says exactly what was given up. Keep DIR until you have seen\n"
    "    that you do not need it any more.\n"
    "    --salvage        also takes records beyond the damage, in their order, as far as they\n"
    "                     cannot make values that never existed. Best effort: keys that were\n"
    "                     changed last in what is lost have older values, or none (or exist\n"
    "                     although they were deleted), and of a transaction that was damaged a\n"
    "                     part may be taken.\n"
    "    --keyspace K=DB  with --salvage: where a FLUSHDB or FLUSHALL is lost, the keys written\n"
    "                     after it have a keyspace number that no database is known to have, and\n"
    "                     are not taken. This says that keyspace K is database DB: they are\n"
    "                     taken, and what DB held before is flushed, as it was.\n"
    "    A folder that has lost its file 'instance' is repaired too: the identity is rebuilt\n"
    "    from the headers of the segments. A sound folder is copied.\n"
    "\n"
    "import\n"
    "    Makes the new data folder TARGET, which must not exist or be empty, from a snapshot of\n"
    "    Redis (dump.rdb, or what redis-cli --rdb writes): all strings with their expiry, in all\n"
    "    databases. It reads the format of every version of Redis up to 8, and of Valkey. Keys of\n"
    "    other types, function libraries and data of modules are counted, named and left out;\n"
    "    keys that have expired are left out as Redis does. The folder is synced, read back and\n"
    "    compared before it counts as a data folder; whatever goes wrong, none is left.\n"
    "    --strict         refuse a file with anything that would be left out\n"
    "    --segment-size SIZE  as wal-segment-size in poro.conf, for this folder (default 64mb)\n"
    "\n"
    "export\n"
    "    Writes what a server would start with from DIR into a snapshot that Redis 5.0 and later\n"
    "    loads. No server may run on the folder. Keys that have expired are left out.\n"
    "    --rdb FILE       the file; it must not exist. It appears when all of it is written and\n"
    "                     synced\n"
    "\n"
    "Options of several commands\n"
    "    --force          look although another process has the folder in use: what it is\n"
    "                     writing just now may look torn or damaged\n"
    "    --names N        list at most N keys (default 20)\n"
    "\n"
    "Exit codes\n"
    "    0  check: a server starts from this folder (also when it will drop a torn tail that was\n"
    "       never acknowledged; the verdict then says 'torn'). The others: done\n"
    "    1  wrong usage\n"
    "    2  cannot read the folder or file, or cannot write the target (what was made is removed)\n"
    "    3  another process uses the folder\n"
    "    4  the folder is damaged: a server refuses to start from it (check), or its identity is\n"
    "       lost and nothing can be read; import: the file is damaged, or none that can be read\n"
    "    6  import: the file holds what cannot be taken (or what --strict refuses)\n";

// The size stands in a block before the memory.
void *tool_memory(size_t bytes)
{
    size_t whole = wal_round(bytes) + WAL_BLOCK_BYTES;
    uint8_t *memory = mmap(NULL, whole, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "poro-wal: no memory\n");
        exit(EXIT_START);
    }
    memcpy(memory, &whole, sizeof(whole));
    return memory + WAL_BLOCK_BYTES;
}

void tool_memory_free(void *memory)
{
    if (memory == NULL)
        return;
    uint8_t *start = (uint8_t *)memory - WAL_BLOCK_BYTES;
    size_t whole;
    memcpy(&whole, start, sizeof(whole));
    munmap(start, whole);
}

static int usage_error(const char *problem, const char *what)
{
    fprintf(stderr, "poro-wal: %s%s\n%s", problem, what, usage);
    return EXIT_USAGE;
}

static bool parse_number(const char *text, uint64_t most, uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || errno != 0 || value > most)
        return false;
    *number = value;
    return true;
}

// "256kb", "64mb", or a number of bytes.
static bool parse_segment_size(const char *text, struct tool_options *options)
{
    char digits[16];
    size_t length = strspn(text, "0123456789");
    uint64_t unit = strcmp(text + length, "kb") == 0   ? KIB(1)
                    : strcmp(text + length, "mb") == 0 ? MIB(1)
                    : text[length] == 0                ? 1
                                                       : 0;
    uint64_t number;
    if (unit == 0 || length >= sizeof(digits))
        return false;
    memcpy(digits, text, length);
    digits[length] = 0;
    if (!parse_number(digits, WAL_SEGMENT_BYTES_MAX, &number))
        return false;
    options->segment_bytes = number * unit;
    return wal_segment_bytes_valid(options->segment_bytes);
}

// "17=3": keyspace 17 is database 3.
static bool parse_keyspace(const char *text, struct tool_options *options)
{
    char id_text[16];
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : sizeof(id_text);
    if (length >= sizeof(id_text) || options->keyspace_count == TOOL_KEYSPACES_MAX)
        return false;
    memcpy(id_text, text, length);
    id_text[length] = 0;
    uint64_t id;
    uint64_t database;
    if (!parse_number(id_text, UINT32_MAX - 1, &id) ||
        !parse_number(equals + 1, DATABASES_MAX - 1, &database))
        return false;
    options->keyspaces[options->keyspace_count++] =
        (struct tool_keyspace){(uint32_t)id, (uint32_t)database};
    return true;
}

enum command_bits {
    CHECK = 1,
    DUMP = 2,
    REPAIR = 4,
    IMPORT = 8,
    EXPORT = 16,
};

struct command {
    const char *name;
    uint32_t bit;
    int places; // folders and files, see place_take
    int (*run)(const struct tool_options *options);
};

// One option and its value, if it has one. 0: unknown here; else how many arguments it took; -1:
// its value is wrong.
static int parse_option(const char *option, const char *value, uint32_t command,
                        struct tool_options *options)
{
    uint64_t number;
    if (strcmp(option, "--force") == 0 && (command & (CHECK | DUMP))) {
        options->force = true;
        return 1;
    }
    if (strcmp(option, "--values") == 0 && command == DUMP) {
        options->values = true;
        return 1;
    }
    if (strcmp(option, "--salvage") == 0 && command == REPAIR) {
        options->salvage = true;
        return 1;
    }
    if (strcmp(option, "--strict") == 0 && command == IMPORT) {
        options->strict = true;
        return 1;
    }
    if (strcmp(option, "--segment-size") == 0 && command == IMPORT)
        return value != NULL && parse_segment_size(value, options) ? 2 : -1;
    if (strcmp(option, "--rdb") == 0 && command == EXPORT) {
        options->rdb = value;
        return value != NULL ? 2 : -1;
    }
    if (strcmp(option, "--keys") == 0 && command == DUMP) {
        options->keys = value;
        return value != NULL ? 2 : -1;
    }
    if (strcmp(option, "--keyspace") == 0 && command == REPAIR)
        return value != NULL && parse_keyspace(value, options) ? 2 : -1;
    if (strcmp(option, "--segment") == 0 && command == DUMP) {
        if (value == NULL || !parse_number(value, UINT64_MAX, &options->segment))
            return -1;
        return options->segment > 0 ? 2 : -1;
    }
    if (strcmp(option, "--names") == 0 && (command & (CHECK | REPAIR | IMPORT))) {
        if (value == NULL || !parse_number(value, NAMES_MAX, &number))
            return -1;
        options->names = (uint32_t)number;
        return 2;
    }
    return 0;
}

// Folders, but an import's first place is a file.
static void place_take(const struct command *command, int index, const char *place,
                       struct tool_options *options)
{
    if (index > 0)
        options->target = place;
    else if (command->bit == IMPORT)
        options->rdb = place;
    else
        options->folder = place;
}

static int run_command(const struct command *command, char **arguments, int count)
{
    struct tool_options options = {
        .names = NAMES_DEFAULT,
        .segment_bytes = WAL_SEGMENT_BYTES_DEFAULT,
    };
    int places = 0;
    for (int i = 0; i < count;) {
        if (arguments[i][0] != '-') {
            if (places == command->places)
                return usage_error("too many arguments: ", arguments[i]);
            place_take(command, places++, arguments[i++], &options);
            continue;
        }
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        int taken = parse_option(arguments[i], value, command->bit, &options);
        if (taken == 0)
            return usage_error("unknown option: ", arguments[i]);
        if (taken < 0)
            return usage_error("wrong or missing value of ", arguments[i]);
        i += taken;
    }
    if (options.keyspace_count > 0 && !options.salvage)
        return usage_error("--keyspace goes with --salvage", "");
    if (places < command->places)
        return usage_error(
            command->bit == IMPORT ? "a file or a folder is missing" : "a folder is missing", "");
    if (command->bit == EXPORT && options.rdb == NULL)
        return usage_error("--rdb FILE is missing", "");
    return command->run(&options);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        {"check", CHECK, 1, tool_check},    {"dump", DUMP, 1, tool_dump},
        {"repair", REPAIR, 2, tool_repair}, {"import", IMPORT, 2, tool_import},
        {"export", EXPORT, 1, tool_export},
    };
    if (argc < 2)
        return usage_error("a command is missing", "");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        printf("poro-wal %s\n%s%s", PORO_VERSION, usage, manual);
        return EXIT_CLEAN;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0) {
        printf("poro-wal %s\n", PORO_VERSION);
        return EXIT_CLEAN;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        int code = run_command(&commands[i], argv + 2, argc - 2);
        // A report that could not be written is no report.
        if (fflush(stdout) != 0 || ferror(stdout)) {
            fprintf(stderr, "poro-wal: cannot write the report: %s\n", strerror(errno));
            return code != 0 ? code : EXIT_START;
        }
        return code;
    }
    return usage_error("unknown command: ", argv[1]);
}
