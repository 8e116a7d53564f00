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

const char *names_set_user_dir(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *rest = argv[0], *word = conf_word(cmd->arena, &rest);

    (void)settings, (void)argc;
    if (!word || !*word)
        return "UserDir requires an argument.";
    if (strcasecmp(word, "disabled") != 0)
        conf_note(cmd, LEVEL_WARN, LOG_CORE, 0,
                  "UserDir %s: nothing is served from home directories, /~user/ is a path like any other / UserDir %s: "
                  "ホームディレクトリーからは配信しません。/~user/ は普通のパスとして扱います",
                  argv[0], argv[0]);
    return NULL;
}

const char *names_set_off_only(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return strcasecmp(argv[0], "off") == 0 ? NULL : names_refuse(cmd);
}
