/* The words of a line as its row wants them, with Apache's messages (config.c, invoke_cmd). */
#include "build.h"

static const struct take {
    enum conf_args kind;
    int min, max;
    const char *takes;
} takes[] = {
    { ARGS_1, 1, 1, "one argument" },
    { ARGS_2, 2, 2, "two arguments" },
    { ARGS_3, 3, 3, "three arguments" },
    { ARGS_12, 1, 2, "1-2 arguments" },
    { ARGS_13, 1, 3, "one or three arguments" },
    { ARGS_23, 2, 3, "two or three arguments" },
    { ARGS_123, 1, 3, "one, two or three arguments" },
};

static bool ended(const char *rest)
{
    return rest[strspn(rest, " \t\n\v\f\r")] == '\0';
}

static bool take(const struct take *t, struct arena *a, const char *text, struct counted *out)
{
    while (out->n < t->max && (out->word[out->n] = conf_word(a, &text)))
        out->n++;
    bool good = out->n >= t->min && ended(text);
    /* An empty word is as good as none to Apache, where one is required. */
    for (int i = 0; good && i < t->min; i++)
        good = *out->word[i] != '\0';
    if (t->kind == ARGS_12 && out->n == 2 && !*out->word[1])
        out->word[--out->n] = NULL;
    return good && (t->kind != ARGS_13 || out->n != 2 || !*out->word[1]);
}

bool args_count(enum conf_args kind, struct arena *a, const char *text, struct counted *out)
{
    for (size_t i = 0; i < COUNT_OF(takes); i++) {
        if (takes[i].kind != kind)
            continue;
        *out = (struct counted){ 0 };
        if (!take(&takes[i], a, text, out))
            out->fault = takes[i].takes;
        return true;
    }
    return false;
}

static void *settings_for(const struct conf_cmd *cmd)
{
    switch (cmd->row->slot.part) {
    case PART_SITE: return site_part(cmd->site, cmd->module);
    case PART_PLACE: return place_part(cmd->place, cmd->module);
    default: return NULL;
    }
}

static const char *call(struct conf_cmd *cmd, int argc, char **argv)
{
    const struct conf_slot *slot = &cmd->row->slot;
    void *settings = settings_for(cmd); /* before set may open another place */
    const char *fault;
    if (cmd->row->set)
        fault = cmd->row->set(cmd, settings, argc, argv);
    else
        fault = slot_store(cmd, settings, argc, argv);
    if (!fault && slot->kind != SLOT_NONE)
        conf_touch_bytes(cmd, settings, (char *)settings + slot->offset, slot->size);
    return fault;
}

static const char *wrong(struct conf_cmd *cmd, const char *what)
{
    const char *help = cmd->row->help;
    return conf_fault(cmd, "%s %s%s%s", cmd->row->name, what, help ? ", " : "", help ? help : "");
}

static const char *call_flag(struct conf_cmd *cmd)
{
    const char *rest = cmd->node->args;
    const char *word = conf_word(cmd->arena, &rest);
    bool on = word && strcasecmp(word, "on") == 0;
    if (!on && (!word || strcasecmp(word, "off") != 0))
        return conf_fault(cmd, "%s must be On or Off", cmd->row->name);
    /* What follows is not looked at: "ProxyPreserveHost On # why" is good in Apache. */
    char *argv[] = { arena_strdup(cmd->arena, on ? "on" : "off"), NULL };
    return call(cmd, 1, argv);
}

static const char *call_each(struct conf_cmd *cmd, const char *rest, char *first)
{
    const char *fault = NULL;
    char *word;
    while (!fault && (word = conf_word(cmd->arena, &rest)) && *word) {
        char *one[] = { word, NULL }, *two[] = { first, word, NULL };
        fault = first ? call(cmd, 2, two) : call(cmd, 1, one);
    }
    return fault;
}

static const char *call_iterate(struct conf_cmd *cmd)
{
    const char *rest = cmd->node->args;
    const char *first = conf_word(cmd->arena, &rest);
    if (!first || !*first)
        return wrong(cmd, "requires at least one argument");
    return call_each(cmd, cmd->node->args, NULL);
}

static const char *call_iterate2(struct conf_cmd *cmd)
{
    const char *rest = cmd->node->args;
    char *first = conf_word(cmd->arena, &rest);
    if (!first || !*first || ended(rest))
        return wrong(cmd, "requires at least two arguments");
    return call_each(cmd, rest, first);
}

static const char *call_list(struct conf_cmd *cmd)
{
    const char *rest = cmd->node->args;
    struct vec words = { 0 };
    char *word;
    while ((word = conf_word(cmd->arena, &rest)) && (*word || !ended(rest)))
        vec_add(cmd->arena, &words, word);
    int argc = (int)words.n;
    vec_add(cmd->arena, &words, NULL);
    return call(cmd, argc, (char **)words.items);
}

static const char *call_raw(struct conf_cmd *cmd, size_t length)
{
    char *argv[] = { arena_strndup(cmd->arena, cmd->node->args, length), NULL };
    return call(cmd, 1, argv);
}

static const char *call_section(struct conf_cmd *cmd)
{
    const char *end = strrchr(cmd->node->args, '>');
    if (!end)
        return conf_fault(cmd, "%s> directive missing closing '>'", cmd->row->name);
    return call_raw(cmd, (size_t)(end - cmd->node->args));
}

const char *args_invoke(struct conf_cmd *cmd)
{
    struct counted words;
    if (args_count(cmd->row->args, cmd->arena, cmd->node->args, &words))
        return words.fault ? wrong(cmd, arena_concat(cmd->arena, "takes ", words.fault, NULL))
                           : call(cmd, words.n, words.word);
    char *none[] = { NULL };
    switch (cmd->row->args) {
    case ARGS_FLAG: return call_flag(cmd);
    case ARGS_ITERATE: return call_iterate(cmd);
    case ARGS_ITERATE2: return call_iterate2(cmd);
    case ARGS_LIST: return call_list(cmd);
    case ARGS_RAW: return call_raw(cmd, strlen(cmd->node->args));
    case ARGS_SECTION: return call_section(cmd);
    default:
        if (!ended(cmd->node->args))
            return conf_fault(cmd, "%s takes no arguments", cmd->row->name);
        return call(cmd, 0, none);
    }
}
