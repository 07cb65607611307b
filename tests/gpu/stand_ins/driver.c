/* NVIDIA's driver (libcuda): one card that is there. What is asked beyond that is answered with 0. */

#include <string.h>

#include "card.h"

int cuDriverGetVersion(int *version)
{
    *version = 13000;
    return 0;
}

int cuInit(unsigned flags)
{
    return 0;
}

int cuDeviceGetCount(int *count)
{
    *count = 1;
    return 0;
}

int cuDeviceGet(int *device, int index)
{
    *device = 0;
    return 0;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    *value = 1;
    return 0;
}

int cuDeviceGetUuid(char *id, int device)
{
    memset(id, 1, 16);
    return 0;
}

int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active)
{
    *flags = 0;
    *active = 1;
    return 0;
}

int cuCtxGetCurrent(void **context)
{
    static int only;
    *context = &only;
    return 0;
}

/* Of no memory: what is asked about is not the driver's own. */
int cuPointerGetAttribute(void *value, int attribute, uintptr_t place)
{
    return 1;
}

int cuGetErrorString(int error, const char **text)
{
    *text = "an error of the stand-in";
    return 0;
}
