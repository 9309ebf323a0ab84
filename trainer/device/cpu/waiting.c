#include "waiting.h"

#include <omp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

struct pl_waiting {
	pthread_t thread;
	sem_t started, stop;
	int threads;
};

// hold starts a team and keeps it, asleep, until told to stop: a team belongs
// to the thread that started it.
static void *hold(void *argument) {
	pl_waiting *w = argument;
#pragma omp parallel num_threads(w->threads)
	{
		__asm__ volatile("" ::: "memory");
	}
	sem_post(&w->started);
	while (sem_wait(&w->stop) != 0) {
	}
	return NULL;
}

pl_waiting *pl_waiting_start(int threads) {
	pl_waiting *w = malloc(sizeof *w);
	if (!w)
		return NULL;
	// The device's team and this one are threads + w->threads - 1 in all.
	int missing = omp_get_num_procs() - threads + 2;
	w->threads = missing < 2 ? 2 : missing;
	sem_init(&w->started, 0, 0);
	sem_init(&w->stop, 0, 0);
	if (pthread_create(&w->thread, NULL, hold, w) != 0) {
		free(w);
		return NULL;
	}
	while (sem_wait(&w->started) != 0) {
	}
	return w;
}

void pl_waiting_stop(pl_waiting *w) {
	if (!w)
		return;
	sem_post(&w->stop);
	pthread_join(w->thread, NULL);
	sem_destroy(&w->started);
	sem_destroy(&w->stop);
	free(w);
}
