/* cuBLAS, cuBLASLt and cuSOLVER: handles, the math mode, and products that are only written down ("product").

   The math mode is what decides whether a product of float32 may be rounded to TF32 (cublasSetMathMode,
   CUBLAS_TF32_TENSOR_OP_MATH, 3). Sizes of working memory that a library asks for are given, so that it
   allocates as it would. */

#include <stdlib.h>
#include <string.h>

#include "card.h"

static int math_mode;

static int product(const char *name, int m, int n, int k)
{
    card_say("product %s %dx%dx%d math %d", name, m, n, k, math_mode);
    return card_answer();
}

static int handle(void **made, const char *name)
{
    card_say("%s", name);
    *made = calloc(1, 256);
    return card_answer();
}

int cublasCreate_v2(void **made)
{
    return handle(made, "cublasCreate");
}

int cublasSetMathMode(void *blas, int mode)
{
    if (mode != math_mode)
        card_say("cublasSetMathMode %d", mode);
    math_mode = mode;
    return card_answer();
}

int cublasGetMathMode(void *blas, int *mode)
{
    *mode = math_mode;
    return card_answer();
}

int cublasGetPointerMode_v2(void *blas, int *mode)
{
    *mode = 0;
    return card_answer();
}

int cublasSgemm_v2(void *blas, int a, int b, int m, int n, int k)
{
    return product("cublasSgemm", m, n, k);
}

int cublasDgemm_v2(void *blas, int a, int b, int m, int n, int k)
{
    return product("cublasDgemm", m, n, k);
}

int cublasGemmEx(void *blas, int a, int b, int m, int n, int k)
{
    return product("cublasGemmEx", m, n, k);
}

int cublasSgemmStridedBatched(void *blas, int a, int b, int m, int n, int k)
{
    return product("cublasSgemmStridedBatched", m, n, k);
}

int cublasDgemmStridedBatched(void *blas, int a, int b, int m, int n, int k)
{
    return product("cublasDgemmStridedBatched", m, n, k);
}

int cublasGemmStridedBatchedEx(void *blas, int a, int b, int m, int n, int k)
{
    return product("cublasGemmStridedBatchedEx", m, n, k);
}

const char *cublasGetStatusString(int status)
{
    return "a status of the stand-in";
}

const char *cublasGetStatusName(int status)
{
    return "STAND_IN";
}

int cublasLtCreate(void **made)
{
    return handle(made, "cublasLtCreate");
}

int cublasLtMatmulDescCreate(void **made, int compute, int type)
{
    return handle(made, "cublasLtMatmulDescCreate");
}

int cublasLtMatrixLayoutCreate(void **made, int type, uint64_t rows, uint64_t columns, int64_t stride)
{
    return handle(made, "cublasLtMatrixLayoutCreate");
}

int cublasLtMatmulPreferenceCreate(void **made)
{
    return handle(made, "cublasLtMatmulPreferenceCreate");
}

/* One way is found, which needs no memory: 64 bytes say which, then the memory and the state, 0. */
int cublasLtMatmulAlgoGetHeuristic(void *blas, void *what, void *a, void *b, void *c, void *d, void *wanted,
                                   int count, void *ways, int *found)
{
    memset(ways, 0, 96);
    *found = 1;
    return card_answer();
}

int cublasLtMatmul(void)
{
    return product("cublasLtMatmul", 0, 0, 0);
}

size_t cublasLtGetVersion(void)
{
    return 130000;
}

int cusolverDnCreate(void **made)
{
    return handle(made, "cusolverDnCreate");
}

int cusolverDnCreateParams(void **made)
{
    return handle(made, "cusolverDnCreateParams");
}

int cusolverDnDgetrf_bufferSize(void *solver, int m, int n, void *a, int stride, int *size)
{
    *size = 1024;
    return card_answer();
}

int cusolverDnSgetrf_bufferSize(void *solver, int m, int n, void *a, int stride, int *size)
{
    *size = 1024;
    return card_answer();
}

int cusolverDnDsyevd_bufferSize(void *solver, int vectors, int part, int n, void *a, int stride, void *values,
                                int *size)
{
    *size = 1024;
    return card_answer();
}

int cusolverDnXsyevd_bufferSize(void *solver, void *how, int vectors, int part, int64_t n, int type, void *a,
                                int64_t stride, int of_values, void *values, int compute, size_t *on_card,
                                size_t *on_host)
{
    *on_card = 1024;
    *on_host = 1024;
    return card_answer();
}
