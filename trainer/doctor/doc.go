// Package doctor says what a training would find on this machine: the processor and the
// kernels that it gets, the driver for cards with its cards, the libraries, memory and
// disk; and of each thing that is missing, how to get it.
//
// [Look] asks for everything and opens the device that training would, for one small
// product, which takes up to a second. It writes nothing. A [Report] is what programs
// read; cmd/pairloom prints it for people.
package doctor
