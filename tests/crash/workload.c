// What the clients send: the mix, and commands on keys that all clients share.
#include "tests/crash/workload_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

// Their keys are read, and written, more often than those of the others.
#define HOT_WRITERS 6
#define SCRATCH_VALUES (BLOCK_KEYS > GROUP_KEYS ? BLOCK_KEYS : GROUP_KEYS)

void workload_create(struct workload *workload, struct test *test)
{
    *workload = (struct workload){.test = test, .random = {random_next(&test->random)}};
    workload->values = malloc((size_t)SCRATCH_VALUES * VALUE_BYTES_MAX_TESTED);
    assert(workload->values != NULL);
}

void workload_destroy(struct workload *workload)
{
    free(workload->values);
}

uint32_t workload_length(struct workload *workload)
{
    struct random *random = &workload->random;
    uint32_t length;
    uint32_t which = workload->bytes_left > 0 ? random_below(random, 1000) : 0;
    if (which < 350)
        length = random_below(random, 24);
    else if (which < 800)
        length = random_below(random, 200);
    else if (which < 950)
        length = random_below(random, 4 * 1024);
    else if (which < 993)
        length = random_below(random, 33 * 1024);
    else
        length = random_below(random, VALUE_BYTES_MAX_TESTED);
    workload->bytes_left -= length;
    return length;
}

uint32_t workload_labelled_length(uint32_t writer, uint64_t op)
{
    struct random random = {op * 31 + writer};
    uint32_t most = random_percent(&random, 4) ? 40 * 1024 : 300;
    return random_between(&random, VALUE_LABELLED_BYTES, most);
}

static void workload_hot_write(struct workload *workload, struct client *client)
{
    struct writer *writer = client->writer;
    uint32_t index = writer->text_keys + NUMBER_KEYS + random_below(&workload->random, HOT_KEYS);
    client_select(client, writer->keys[index].database);
    uint64_t number = model_next_op(writer);
    uint32_t length = workload_labelled_length(writer->number, number);
    value_make(workload->values, length, (struct value_label){writer->number, index, number});
    struct command command = {0};
    command_add(&command, "SET");
    command_add(&command, writer->keys[index].name);
    command_add_bytes(&command, workload->values, length);
    model_add_op(writer, EXPECT_OK);
    model_add_effect(writer, index,
                     &(struct state){.exists = true,
                                     .length = length,
                                     .hash = value_hash(VALUE_HASH_EMPTY, workload->values, length),
                                     .origin = number});
    client_send(client, &command);
}

static void workload_hot_read(struct workload *workload, struct client *client)
{
    struct model *model = workload->test->model;
    uint32_t peers = model->writer_count;
    if (peers > HOT_WRITERS && random_percent(&workload->random, 80))
        peers = HOT_WRITERS;
    const struct writer *peer = &model->writers[random_below(&workload->random, peers)];
    uint32_t index = peer->text_keys + NUMBER_KEYS + random_below(&workload->random, HOT_KEYS);
    client_select(client, peer->keys[index].database);
    struct command command = {0};
    command_add(&command, "GET");
    command_add(&command, peer->keys[index].name);
    struct op *op = model_add_op(client->writer, EXPECT_HOT);
    op->peer = (uint16_t)peer->number;
    op->number = index;
    client_send(client, &command);
}

static void workload_group(struct workload *workload, struct client *client, uint32_t write_percent)
{
    struct writer *writer = client->writer;
    uint32_t group = random_below(&workload->random, GROUPS);
    bool writes = random_percent(&workload->random, write_percent);
    client_select(client, workload->test->model->groups[group].database);
    uint64_t number = model_next_op(writer);
    uint32_t length = workload_labelled_length(writer->number, number);
    char names[GROUP_KEYS][KEY_NAME_BYTES];
    struct command command = {0};
    command_add(&command, writes ? "MSET" : "MGET");
    for (uint32_t i = 0; i < GROUP_KEYS; i++) {
        model_group_key(group, i, names[i]);
        command_add(&command, names[i]);
        if (!writes)
            continue;
        char *value = workload->values + i * VALUE_BYTES_MAX_TESTED;
        value_make(value, length,
                   (struct value_label){writer->number, group * GROUP_KEYS + i, number});
        command_add_bytes(&command, value, length);
    }
    struct op *op = model_add_op(writer, writes ? EXPECT_OK : EXPECT_GROUP);
    op->peer = (uint16_t)group;
    op->writes_group = writes;
    client_send(client, &command);
}

static void workload_counter(struct workload *workload, struct client *client,
                             uint32_t write_percent)
{
    uint32_t counter = random_below(&workload->random, COUNTERS);
    client_select(client, workload->test->model->counters[counter].database);
    char name[KEY_NAME_BYTES], text[16];
    model_counter_key(counter, name);
    struct op *op = model_add_op(client->writer, EXPECT_COUNTER);
    op->peer = (uint16_t)counter;
    struct command command = {0};
    if (!random_percent(&workload->random, write_percent)) {
        command_add(&command, "GET");
        command_add(&command, name);
    } else {
        op->counter_by = (int32_t)random_between(&workload->random, 1, 9);
        snprintf(text, sizeof text, "%d", op->counter_by);
        command_add(&command, "INCRBY");
        command_add(&command, name);
        command_add(&command, text);
    }
    client_send(client, &command);
}

static void workload_growing_size(struct workload *workload, struct client *client)
{
    (void)workload;
    client_select(client, DATABASE_GROWING);
    struct command command = {0};
    command_add(&command, "DBSIZE");
    model_add_op(client->writer, EXPECT_GROWING);
    client_send(client, &command);
}

static void workload_short_lived(struct workload *workload, struct client *client)
{
    char name[KEY_NAME_BYTES], ms[16];
    client_select(client, SHORT_LIVED_DATABASE);
    snprintf(name, sizeof name, "short:%u", random_below(&workload->random, SHORT_LIVED_KEYS));
    snprintf(ms, sizeof ms, "%u", random_between(&workload->random, 1, SHORT_LIVED_MS_MAX));
    struct command command = {0};
    command_add(&command, "SET");
    command_add(&command, name);
    command_add(&command, "gone in a moment");
    command_add(&command, "PX");
    command_add(&command, ms);
    model_add_op(client->writer, EXPECT_OK);
    client_send(client, &command);
}

static void workload_mode(struct workload *workload, struct client *client)
{
    static const char *const modes[] = {"always", "everysec", "no"};
    static const char *const acks[] = {"intent", "completion"};
    struct command command = {0};
    command_add(&command, "CONFIG");
    command_add(&command, "SET");
    if (random_percent(&workload->random, 50)) {
        command_add(&command, "appendfsync");
        command_add(&command, modes[random_below(&workload->random, 3)]);
    } else {
        command_add(&command, "wal-ack");
        command_add(&command, acks[random_below(&workload->random, 2)]);
    }
    model_add_op(client->writer, EXPECT_OK);
    client_send(client, &command);
}

static void workload_save(struct workload *workload, struct client *client)
{
    struct command command = {0};
    command_add(&command, "BGSAVE");
    if (random_percent(&workload->random, 50))
        command_add(&command, "SCHEDULE");
    model_add_op(client->writer, EXPECT_SAVE);
    client_send(client, &command);
}

// Behind a write of its own, a reader's replies wait with it: only clients that write nothing would
// be shown what is not yet safe, if the server ever showed it.
static void workload_read(struct workload *workload, struct client *client)
{
    uint32_t which = random_below(&workload->random, 100);
    if (which < 60)
        workload_hot_read(workload, client);
    else if (which < 75)
        workload_group(workload, client, 0);
    else if (which < 90)
        workload_counter(workload, client, 0);
    else
        workload_growing_size(workload, client);
}

static void workload_shared(struct workload *workload, struct client *client)
{
    uint32_t which = random_below(&workload->random, 100);
    if (which < 25 || (which < 50 && client->writer->number < HOT_WRITERS))
        workload_hot_write(workload, client);
    else if (which < 60)
        workload_hot_read(workload, client);
    else if (which < 82)
        workload_group(workload, client, 60);
    else if (which < 94)
        workload_counter(workload, client, 70);
    else if (which < 97)
        workload_growing_size(workload, client);
    else
        workload_short_lived(workload, client);
}

void workload_send(struct workload *workload, struct client *client)
{
    uint32_t which = random_below(&workload->random, 1000);
    if (client->reads_only)
        workload_read(workload, client);
    else if (which < 500)
        workload_text(workload, client);
    else if (which < 580)
        workload_number(workload, client);
    else if (which < 680 || (which < 800 && client->writer->number == WRITER_GROWING))
        workload_unique(workload, client);
    else if (which < 990)
        workload_shared(workload, client);
    else if (which < 995 && client->writer->number < WRITERS_FLUSHING)
        workload_flush(workload, client);
    else if (workload->changes_mode && client->writer->number == WRITERS_FLUSHING + 1)
        workload_mode(workload, client);
    else if (workload->saves && which < 991 && client->writer->number == WRITERS_FLUSHING)
        workload_save(workload, client);
}
