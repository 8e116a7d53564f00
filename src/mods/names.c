/* What rows do whose directive went away, or that take some words only. */
#include "names.h"

#include <strings.h>

/* The same sentence as conf's for a row that is refused whole. */
const char *names_refuse(struct conf_cmd *cmd)
{
    const char *name = cmd->row->name, *why = cmd->row->why, *middle = strstr(why, " / ");

    ASSERT(middle);
    return conf_fault(cmd, "%s %s: refused: %.*s / %s %s: 受け付けません: %s", name, cmd->node->args,
                      (int)(middle - why), why, name, cmd->node->args, middle + 3);
}

const char *names_set_gone(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc, (void)argv;
    return cmd->row->help;
}

const char *names_set_off_only(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return strcasecmp(argv[0], "off") == 0 ? NULL : names_refuse(cmd);
}
