/* The matrix: one letter a role; small: only his own. */
#include "access/access.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *word, *who;
} verbs[ACCESS_VERB_END] = {
#define ACCESS_X(name, word, who) [ACCESS_##name] = {word, who},
    ACCESS_VERBS(ACCESS_X)
#undef ACCESS_X
};

static const char *const roles[ACCESS_ROLE_END] = {[ACCESS_NOBODY] = "nobody",
#define ACCESS_X(name, word) [ACCESS_##name] = word,
                                                   ACCESS_ROLES(ACCESS_X)
#undef ACCESS_X
};

static char letter_of(enum access_role role)
{
    switch (role) {
    case ACCESS_ADMINISTRATOR:
        return 'A';
    case ACCESS_APPROVER:
        return 'P';
    case ACCESS_AUDITOR:
        return 'U';
    case ACCESS_HOLDER:
        return 'H';
    case ACCESS_AGENT:
        return 'G';
    case ACCESS_NOBODY:
    case ACCESS_ROLE_END:
        break;
    }
    return '\0';
}

static bool is_own(const struct access_actor *actor, const struct access_subject *subject)
{
    if (!subject || !actor->id || !*actor->id) return false;
    const char *owner = actor->role == ACCESS_HOLDER  ? subject->holder
                        : actor->role == ACCESS_AGENT ? subject->agent
                                                      : NULL;
    return owner && strcmp(owner, actor->id) == 0;
}

bool access_may(const struct access_actor *actor, enum access_verb verb,
                const struct access_subject *subject)
{
    if (!actor || verb >= ACCESS_VERB_END) return false;
    char letter = letter_of(actor->role);
    if (!letter) return false;
    if (strchr(verbs[verb].who, letter)) return true;
    return strchr(verbs[verb].who, tolower((unsigned char)letter)) && is_own(actor, subject);
}

const char *access_role_word(enum access_role role)
{
    return role < ACCESS_ROLE_END ? roles[role] : "";
}

const char *access_verb_word(enum access_verb verb)
{
    return verb < ACCESS_VERB_END ? verbs[verb].word : "";
}
