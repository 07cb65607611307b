/* What the stand-ins for CUDA's libraries share.

   They keep memory, write down each call with its thread, and compute nothing. Declarations are our own, as far
   as a call is looked into: what is only answered takes no arguments here, which the calling convention of
   x86-64 Linux allows. Every call that is not written in these files is made when they are built (build.py). */

#ifndef CARD_H
#define CARD_H

#include <stddef.h>
#include <stdint.h>

enum {
    CARD_RIGHT = 0,
    CARD_NO_MEMORY = 2,
    CARD_LAUNCH_FAILED = 719,
    CARD_NOT_WHILE_CAPTURED = 900,
    CARD_CAPTURE_SPOILT = 901,
    CARD_NOT_CAPTURED = 903,
    CARD_WAITS_FOR_CAPTURED = 906,
};

/* Writes a line, the thread first, to the file that the environment's CARD_LOG names. */
void card_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a call answers that does nothing: right, or the error of a card that has failed. */
int card_answer(void);

/* A call that is only written down. */
int card_stub(const char *name);

/* For whoever watches: a line between the calls; whether calls are written down; the error that every call
   gives from now on; and after how many launches one fails while a stream is captured (-1: none). */
void card_mark(const char *text);
void card_quiet(int quiet);
void card_fail(int error);
void card_refuse_launch(int after);

#endif
