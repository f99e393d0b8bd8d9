/* A frame by example, taken apart once: the texts between the names, and the names.
 *
 * A name may only stand where nothing but its value can: numbers and lists as whole values, symbols and moments within
 * quotes. So the end of a value is known without a look at what follows, and a frame that matches is JSON that any
 * other reader would understand in the same way. Rejected: paths into the JSON, such as data[0].symbol (they need a
 * parser that walks through all of a frame), and regular expressions (an engine, and more than is needed).
 */
#include <string.h>

#include "internal.h"

static const char *const NAMES[FRS_NAMES] = {
    [FRS_FIRST] = "first",       [FRS_LAST] = "last",     [FRS_PREV] = "prev",     [FRS_NUMBER] = "number",
    [FRS_CHECKSUM] = "checksum", [FRS_TIME] = "time",     [FRS_MOMENT] = "moment", [FRS_BIDS] = "bids",
    [FRS_ASKS] = "asks",         [FRS_SYMBOL] = "symbol", [FRS_ANY] = "",
};

static const char *const LACKS[FRS_NAMES] = {
    [FRS_FIRST] = "it lacks <first>",   [FRS_LAST] = "it lacks <last>",         [FRS_PREV] = "it lacks <prev>",
    [FRS_NUMBER] = "it lacks <number>", [FRS_CHECKSUM] = "it lacks <checksum>", [FRS_BIDS] = "it lacks <bids>",
    [FRS_ASKS] = "it lacks <asks>",     [FRS_SYMBOL] = "it lacks <symbol>",
};

static unsigned bit(int name) {
    return 1u << name;
}

unsigned frs_template_needs(int continuity, bool sided, bool checked) {
    unsigned needs = bit(FRS_SYMBOL) | bit(FRS_BIDS) | (sided ? 0 : bit(FRS_ASKS)) | (checked ? bit(FRS_CHECKSUM) : 0);
    switch (continuity) {
    case FRS_CHAINED:
        return needs | bit(FRS_FIRST) | bit(FRS_LAST);
    case FRS_LINKED:
        return needs | bit(FRS_PREV) | bit(FRS_LAST);
    case FRS_COUNTED:
        return needs | bit(FRS_LAST);
    case FRS_CONNECTION:
        return needs | bit(FRS_NUMBER);
    default:
        return needs;
    }
}

/* FRS_NAMES: there is no such name. */
static int name_of(const char *text, size_t size) {
    int name = 0;
    while (name < FRS_NAMES && (strlen(NAMES[name]) != size || memcmp(NAMES[name], text, size) != 0))
        name++;
    return name;
}

/* Whether a name may stand between these two characters. */
static bool fits(int name, char before, char behind) {
    bool quoted = before == '"' && behind == '"';
    bool whole = (before == ':' || before == ',' || before == '[') && (behind == ',' || behind == '}' || behind == ']');
    switch (name) {
    case FRS_SYMBOL:
        return behind == '"';
    case FRS_MOMENT:
        return quoted;
    case FRS_BIDS:
    case FRS_ASKS:
    case FRS_ANY:
        return whole;
    default:
        return whole || quoted;
    }
}

static const char *add(frs_template *template, int name, char before, char behind, unsigned needs) {
    unsigned have = template->names, levels = bit(FRS_BIDS) | bit(FRS_ASKS), times = bit(FRS_TIME) | bit(FRS_MOMENT);
    if (name == FRS_NAMES)
        return "there is no such name";
    if (template->count == FRS_FIELDS)
        return "it has too many names";
    if (have & bit(name) && name != FRS_SYMBOL && name != FRS_ANY)
        return "the name is there already";
    if (bit(name) & levels && !(have & bit(FRS_SYMBOL)))
        return "the levels come before <symbol>";
    if (bit(name) & times && have & times)
        return "the time is there already";
    if (name == FRS_ASKS && !(needs & bit(FRS_ASKS)))
        return "both sides are in <bids>";
    if (!fits(name, before, behind))
        return "a value cannot be told from the text around it here";
    template->names |= bit(name);
    template->fields[template->count++].name = (uint8_t)name;
    return NULL;
}

const char *frs_template_make(frs_template *template, const char *text, size_t size, unsigned needs, size_t *at) {
    const char *p = text, *end = text + size;
    uint16_t length = 0;
    *at = 0;
    template->count = 0;
    template->names = 0;
    if (size > FRS_TEMPLATE_SIZE)
        return "it is too long";
    for (;;) {
        frs_field *field = &template->fields[template->count];
        *field = (frs_field){.at = length, .name = FRS_NAMES};
        for (; p < end && *p != '<'; p++) {
            *at = (size_t)(p - text);
            if (*p < ' ' || *p > '~' || *p == '>')
                return "this character cannot be compared";
            template->text[length++] = *p;
        }
        field->size = (uint16_t)(length - field->at);
        *at = (size_t)(p - text);
        if (p == end)
            break;
        const char *close = memchr(p, '>', (size_t)(end - p));
        if (!close)
            return "the bracket is not closed";
        const char *fault = add(template, name_of(p + 1, (size_t)(close - p - 1)), p > text ? p[-1] : 0,
                                close + 1 < end ? close[1] : 0, needs);
        if (fault)
            return fault;
        p = close + 1;
    }
    for (int name = 0; name < FRS_NAMES; name++)
        if (needs & ~template->names & bit(name))
            return LACKS[name];
    return NULL;
}

int frs_template_check(const char *text, size_t size, int continuity, int sided, int checked, const char **fault,
                       size_t *at) {
    frs_template template;
    if (continuity < FRS_CHAINED || continuity > FRS_UNNUMBERED)
        return FRS_E_ARGUMENT;
    *fault = frs_template_make(&template, text, size, frs_template_needs(continuity, sided, checked), at);
    return *fault ? FRS_E_SYNTAX : 0;
}
