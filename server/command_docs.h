// What is known of every command without executing it: the data behind COMMAND and the dispatcher.
#ifndef PORO_SERVER_COMMAND_DOCS_H
#define PORO_SERVER_COMMAND_DOCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resp_writer;

// What a command does and when it may run. COMMAND INFO lists them in this order.
enum command_flag {
    COMMAND_WRITE = 1 << 0,              // changes data
    COMMAND_READONLY = 1 << 1,           // shows data
    COMMAND_DENYOOM = 1 << 2,            // may need more memory: refused above maxmemory
    COMMAND_ADMIN = 1 << 3,              // administration
    COMMAND_PUBSUB = 1 << 4,             // publish/subscribe
    COMMAND_NOSCRIPT = 1 << 5,           // not from scripts
    COMMAND_BLOCKING = 1 << 6,           // may wait for something
    COMMAND_LOADING = 1 << 7,            // allowed while data is being loaded
    COMMAND_STALE = 1 << 8,              // allowed on a replica with old data
    COMMAND_SKIP_MONITOR = 1 << 9,       // not shown by MONITOR
    COMMAND_SKIP_SLOWLOG = 1 << 10,      // not noted by SLOWLOG
    COMMAND_ASKING = 1 << 11,            // allowed for a slot that is being moved
    COMMAND_FAST = 1 << 12,              // constant or logarithmic time
    COMMAND_NO_AUTH = 1 << 13,           // allowed before AUTH
    COMMAND_MAY_REPLICATE = 1 << 14,     // may make others change data
    COMMAND_NO_MANDATORY_KEYS = 1 << 15, // its keys may be missing
    COMMAND_NO_ASYNC_LOADING = 1 << 16,  // not while a replica loads data beside its old ones
    COMMAND_NO_MULTI = 1 << 17,          // not inside a transaction
    COMMAND_MOVABLEKEYS = 1 << 18,       // where its keys are, its arguments tell
    COMMAND_ALLOW_BUSY = 1 << 19,        // allowed while a script runs too long
};

// ACL categories in COMMAND INFO's order.
enum command_category {
    CATEGORY_KEYSPACE = 1 << 0,
    CATEGORY_READ = 1 << 1,
    CATEGORY_WRITE = 1 << 2,
    CATEGORY_SET = 1 << 3,
    CATEGORY_SORTEDSET = 1 << 4,
    CATEGORY_LIST = 1 << 5,
    CATEGORY_HASH = 1 << 6,
    CATEGORY_STRING = 1 << 7,
    CATEGORY_BITMAP = 1 << 8,
    CATEGORY_HYPERLOGLOG = 1 << 9,
    CATEGORY_GEO = 1 << 10,
    CATEGORY_STREAM = 1 << 11,
    CATEGORY_PUBSUB = 1 << 12,
    CATEGORY_ADMIN = 1 << 13,
    CATEGORY_FAST = 1 << 14,
    CATEGORY_SLOW = 1 << 15,
    CATEGORY_BLOCKING = 1 << 16,
    CATEGORY_DANGEROUS = 1 << 17,
    CATEGORY_CONNECTION = 1 << 18,
    CATEGORY_TRANSACTION = 1 << 19,
    CATEGORY_SCRIPTING = 1 << 20,
};

// What a command does with its keys: the first four are about the key, one of them is always set;
// the others about its value.
enum command_key_flag {
    KEY_RO = 1 << 0,             // is not changed
    KEY_RW = 1 << 1,             // is read and changed
    KEY_OW = 1 << 2,             // is overwritten
    KEY_RM = 1 << 3,             // is removed
    KEY_ACCESS = 1 << 4,         // the value is shown
    KEY_UPDATE = 1 << 5,         // existing data changes
    KEY_INSERT = 1 << 6,         // data is added, none changes
    KEY_DELETE = 1 << 7,         // data goes away
    KEY_VARIABLE_FLAGS = 1 << 8, // depends on the arguments
};

enum command_group {
    GROUP_BITMAP,
    GROUP_CLUSTER,
    GROUP_CONNECTION,
    GROUP_GENERIC,
    GROUP_SERVER,
    GROUP_STRING,
    GROUP_TRANSACTIONS,
};

enum argument_type {
    ARGUMENT_STRING,
    ARGUMENT_INTEGER,
    ARGUMENT_DOUBLE,
    ARGUMENT_KEY,
    ARGUMENT_PATTERN,
    ARGUMENT_UNIX_TIME,
    ARGUMENT_TOKEN, // nothing but its token
    ARGUMENT_ONEOF, // one of the arguments below it
    ARGUMENT_BLOCK, // all of the arguments below it
};

enum argument_flag {
    ARGUMENT_OPTIONAL = 1 << 0,
    ARGUMENT_MULTIPLE = 1 << 1,
    ARGUMENT_MULTIPLE_TOKEN = 1 << 2, // the token is repeated with every one
};

// One line of a command's argument tree, which is written down line by line: what is deeper belongs
// to the last line above it that is less deep.
struct command_argument {
    const char *name;
    const char *token; // or NULL
    const char *since; // or NULL
    const char *deprecated_since;
    uint8_t depth;
    uint8_t type;     // enum argument_type
    uint8_t flags;    // enum argument_flag
    uint8_t key_spec; // of a key: 1 when it is among the command's second keys
};

// A version in which the command got something new.
struct command_change {
    const char *version;
    const char *what;
};

#define COMMAND_TIPS_MAX 3

// One command or subcommand.
struct command_doc {
    const char *name; // lower case; a subcommand's is "container|subcommand"
    const char *summary;
    const char *complexity;                   // or NULL
    const char *since;                        // the version of Redis that introduced it
    const char *deprecated_since;             // or NULL
    const char *replaced_by;                  // what to use instead; or NULL
    const struct command_change *history;     // ends with an empty one; or NULL, as the next two
    const struct command_argument *arguments; // ends with an empty line
    const struct command_doc *subcommands;    // in alphabetical order, ends with an empty row
    const char *tips[COMMAND_TIPS_MAX];       // hints for clients and proxies; the rest is NULL
    const char *key_notes;                    // or NULL
    uint32_t flags;                           // enum command_flag
    uint32_t categories; // those that do not follow from the flags: see command_doc_categories
    uint16_t key_flags;  // enum command_key_flag
    uint16_t second_key_flags; // of the keys from `second_key` on
    uint8_t group;             // enum command_group
    int8_t arity;              // number of arguments with the name; negative: at least that many
    int8_t first_key;          // index of the first key argument, 0: no keys
    int8_t last_key;   // index of the last one, negative: counted from the end (-1: the last)
    int8_t key_step;   // distance between keys
    int8_t second_key; // index of the first key that something else happens to; 0: none
    int8_t key_count;  // index of the argument that says how many keys there are, in place of
                       // last_key; 0: none
    bool system;       // not for clients: COMMAND DOCS calls it a syscmd
};

// The commands, without subcommands, in alphabetical order. The index is valid below the count.
size_t command_docs_count(void);
const struct command_doc *command_docs_at(size_t index);

// Finds a command by its name, or a subcommand by "container|subcommand", in any case. NULL when
// there is none.
const struct command_doc *command_doc_find(const void *name, size_t length);
// Finds a subcommand by its own name, in any case. NULL when there is none.
const struct command_doc *command_doc_subcommand(const struct command_doc *container,
                                                 const void *name, size_t length);
// What follows the last '|' of the name: for subcommands their own name.
const char *command_doc_own_name(const struct command_doc *doc);

// True when a command with `argc` arguments, its name (and its container's name) included, has
// enough and not too many.
bool command_doc_arity_ok(const struct command_doc *doc, uint32_t argc);
// What a command does with the key in argument `index`.
uint16_t command_doc_key_flags(const struct command_doc *doc, uint32_t index);
// All ACL categories (enum command_category), implied ones included.
uint32_t command_doc_categories(const struct command_doc *doc);
// True when it is in the category of this name (in any case, without '@').
bool command_doc_in_category(const struct command_doc *doc, const void *name, size_t length);
// How many categories there are, and the name of one, without '@'.
size_t command_categories_count(void);
const char *command_category_name(size_t index);

// Replies, byte for byte what Redis 7.0 gives for the same data.

// The element of COMMAND and COMMAND INFO.
void command_doc_info(struct resp_writer *writer, const struct command_doc *doc);
// Name and description: one pair of COMMAND DOCS' map.
void command_doc_docs(struct resp_writer *writer, const struct command_doc *doc);
// A set of key flags, as in COMMAND GETKEYSANDFLAGS.
void command_key_flags_reply(struct resp_writer *writer, uint16_t key_flags);

#endif
