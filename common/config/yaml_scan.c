#include <string.h>

#include "base/limits.h"
#include "yaml_in.h"

/* The document API resolves aliases silently and its nodes keep no anchors, so a first pass over
 * the events refuses what must not be there; it also bounds depth before any tree is built. */
struct scan {
    struct yaml_reader *r;
    int depth, documents, refusals;
    bool ended, good;
};

static bool core_tag(const char *tag)
{
    static const char *const known[] = {"str", "int", "bool", "null", "float", "map", "seq"};
    static const char prefix[] = "tag:yaml.org,2002:";
    if (strncmp(tag, prefix, sizeof(prefix) - 1) != 0) return strcmp(tag, "!") == 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(tag + sizeof(prefix) - 1, known[i]) == 0) return true;
    return false;
}

static void refuse(struct scan *s, const yaml_event_t *event, const char *what)
{
    yaml_complain_at(s->r, &event->start_mark, NULL, NULL, "%s", what);
    s->refusals++;
    s->good = false;
}

static void look_at_labels(struct scan *s, const yaml_event_t *event, const yaml_char_t *anchor,
                           const yaml_char_t *tag)
{
    if (anchor)
        refuse(s, event,
               "anchors (&name) are not used here: write the value out, or quote a text that "
               "begins with &");
    if (tag && !core_tag((const char *)tag))
        refuse(s, event,
               "tags (!name) are not used here: remove it, or quote a text that begins with !");
}

static void enter(struct scan *s, const yaml_event_t *event)
{
    if (++s->depth <= TG_MAX_DEPTH) return;
    refuse(s, event, "nested too deeply (16 levels are allowed)");
    s->ended = true;
}

static void look(struct scan *s, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++s->documents < 2) break;
        refuse(s, event, "a second document (---) begins here: one file holds one document");
        s->ended = true;
        break;
    case YAML_ALIAS_EVENT:
        refuse(s, event,
               "aliases (*name) are not used here: write the value out, or quote a text that "
               "begins with *");
        break;
    case YAML_SCALAR_EVENT:
        look_at_labels(s, event, event->data.scalar.anchor, event->data.scalar.tag);
        break;
    case YAML_SEQUENCE_START_EVENT:
        look_at_labels(s, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        enter(s, event);
        break;
    case YAML_MAPPING_START_EVENT:
        look_at_labels(s, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        enter(s, event);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        s->depth--;
        break;
    case YAML_STREAM_END_EVENT:
        s->ended = true;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

static void say_problem(struct scan *s, const yaml_parser_t *parser)
{
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR) mark = parser->mark;
    const char *problem = parser->problem ? parser->problem : "this is not YAML";
    const char *context = parser->context ? parser->context : "";
    /* The commonest slip: issuer: *CN=... */
    const char *hint = strstr(context, "alias") ? ": quote a text that begins with *" : "";
    yaml_complain_at(s->r, &mark, NULL, NULL, "%s%s%s%s", problem, *context ? " " : "", context,
                     hint);
    s->good = false;
    s->ended = true;
}

bool yaml_scan(struct yaml_reader *r, const unsigned char *bytes, size_t len)
{
    struct scan s = {.r = r, .good = true};
    yaml_parser_t parser;
    TG_CHECK(yaml_parser_initialize(&parser));
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, bytes, len);
    while (!s.ended && s.refusals < TG_YAML_COMPLAINTS) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            say_problem(&s, &parser);
            break;
        }
        look(&s, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return s.good && s.ended;
}
