// stub
#include "sim/loop_internal.h"
bool loop_damage_apply(struct loop *loop, enum fault fault, enum fault_class *expected,
                       char name[LOOP_NAME_BYTES])
{
    (void)loop;
    (void)fault;
    (void)expected;
    (void)name;
    return false;
}
void loop_massive_run(struct loop *loop)
{
    (void)loop;
}
void loop_inspect(struct loop *loop)
{
    (void)loop;
}
