// OpenMP's threads spin at the end of each parallel part for about 3 ms before
// they sleep. That is fine on an idle machine. Where other programs want the
// processors too, the spinning takes the very time that the last thread needs,
// and a step takes many times longer. libgomp spins a thousandth of that when
// it manages more threads than there are processors, and reads its environment
// before main, too early for us to set a wait policy. So that it always does,
// a device keeps a few threads more, which sleep.
#ifndef PAIRLOOM_WAITING_H
#define PAIRLOOM_WAITING_H

typedef struct pl_waiting pl_waiting;

// pl_waiting_start makes waits short, for a device of the given number of
// threads. NULL when no thread could be started, which changes speed alone.
pl_waiting *pl_waiting_start(int threads);

// pl_waiting_stop ends the threads and waits for them.
void pl_waiting_stop(pl_waiting *w);

#endif
