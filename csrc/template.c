/* A frame by example, taken apart once: the texts between the names, and the names.
 *
 * A name may only stand where nothing but its value can: numbers and lists as whole values, symbols and moments within
 * quotes. So the end of a value is known without a look at what follows, and a frame that matches is JSON that any
 * other reader would understand in the same way. What may be one of several words is a choice of texts. Rejected: paths
 * into the JSON, such as data[0].symbol (they need a parser that walks through all of a frame), and regular expressions
 * (an engine, and more than is needed).
 */
#include <string.h>

#include "internal.h"

static const char *const NAMES[FRS_NAMES] = {
    [FRS_FIRST] = "first",
    [FRS_LAST] = "last",
    [FRS_PREV] = "prev",
    [FRS_NUMBER] = "number",
    [FRS_CHECKSUM] = "checksum",
    [FRS_TIME] = "time",
    [FRS_MOMENT] = "moment",
    [FRS_BIDS] = "bids",
    [FRS_ASKS] = "asks",
    [FRS_SYMBOL] = "symbol",
    [FRS_ANY] = "",
    [FRS_TRADE_PRICE] = "price",
    [FRS_TRADE_QUANTITY] = "quantity",
    [FRS_TRADE_ID] = "id",
};

static const char *const LACKS[FRS_NAMES] = {
    [FRS_FIRST] = "it lacks <first>",       [FRS_LAST] = "it lacks <last>",
    [FRS_PREV] = "it lacks <prev>",         [FRS_NUMBER] = "it lacks <number>",
    [FRS_CHECKSUM] = "it lacks <checksum>", [FRS_BIDS] = "it lacks <bids>",
    [FRS_ASKS] = "it lacks <asks>",         [FRS_SYMBOL] = "it lacks <symbol>",
    [FRS_TRADE_PRICE] = "it lacks <price>", [FRS_TRADE_QUANTITY] = "it lacks <quantity>",
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

/* What is wrong with a template that has these names, in words; NULL if nothing is. */
static const char *lacks(unsigned names, unsigned needs) {
    unsigned of_trades = bit(FRS_TRADE_PRICE) | bit(FRS_TRADE_QUANTITY) | bit(FRS_TRADE_ID);
    unsigned of_both = bit(FRS_SYMBOL) | bit(FRS_NUMBER) | bit(FRS_TIME) | bit(FRS_MOMENT) | bit(FRS_ANY);
    if (names & of_trades) {
        needs = (needs & of_both) | bit(FRS_TRADE_PRICE) | bit(FRS_TRADE_QUANTITY);
        if (names & ~(of_trades | of_both))
            return "a trade has nothing of a book";
    }
    for (int name = 0; name < FRS_NAMES; name++)
        if (needs & ~names & bit(name))
            return LACKS[name];
    return NULL;
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

/* Texts with | in between. The first of them that is there is taken, so the end of each can be told. */
static const char *add_choice(frs_template *template, const char *text, size_t size, uint16_t *length) {
    if (template->count == FRS_FIELDS)
        return "it has too many names";
    for (size_t i = 0; i < size; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '<')
            return "this choice cannot be compared";
        if (text[i] == '|' && (i == 0 || i + 1 == size || text[i - 1] == '|'))
            return "there is nothing to choose here";
    }
    frs_field *field = &template->fields[template->count++];
    memcpy(template->text + *length, text, size);
    *length = (uint16_t)(*length + size);
    field->choices = (uint16_t)size;
    field->name = FRS_CHOICE;
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
        size_t inside = (size_t)(close - p - 1);
        const char *fault = memchr(p + 1, '|', inside) ? add_choice(template, p + 1, inside, &length)
                                                       : add(template, name_of(p + 1, inside), p > text ? p[-1] : 0,
                                                             close + 1 < end ? close[1] : 0, needs);
        if (fault)
            return fault;
        p = close + 1;
    }
    template->trade = template->names & bit(FRS_TRADE_PRICE);
    return lacks(template->names, needs);
}

int frs_template_check(const char *text, size_t size, int continuity, int sided, int checked, const char **fault,
                       size_t *at) {
    frs_template template;
    if (continuity < FRS_CHAINED || continuity > FRS_UNNUMBERED)
        return FRS_E_ARGUMENT;
    *fault = frs_template_make(&template, text, size, frs_template_needs(continuity, sided, checked), at);
    return *fault ? FRS_E_SYNTAX : 0;
}
