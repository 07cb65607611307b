/* cuDNN: a handle, and its version. No graph of ours needs more of it. */

#include <stdlib.h>

#include "card.h"

int cudnnCreate(void **made)
{
    card_say("cudnnCreate");
    *made = calloc(1, 64);
    return card_answer();
}

size_t cudnnGetVersion(void)
{
    return 91900;
}

/* property: 0 major, 1 minor, 2 patch */
int cudnnGetProperty(int property, int *value)
{
    static const int version[] = {9, 19, 0};
    *value = version[property % 3];
    return card_answer();
}

const char *cudnnGetErrorString(int error)
{
    return "an error of the stand-in";
}
