package gate

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// How long answers of DNS are kept. The records' own times are not told by the system's
// resolver; this is shorter than nearly all of them.
const (
	namesTTL   = 5 * time.Minute
	noNameTTL  = time.Minute      // of a name that there is not
	failureTTL = 10 * time.Second // of a server that does not answer
)

const (
	keptNames   = 32768 // names whose addresses are kept
	mostLookups = 128   // names that are asked for at one time
)

// resolver finds the addresses of names: each is asked for once however many wait,
// and few at a time. What is kept of an answer decides nothing about where requests may
// go: the guard looks at each address that is dialled, whenever it was found.
type resolver struct {
	lookup  func(ctx context.Context, name string) ([]netip.Addr, error)
	clock   Clock
	timeout time.Duration // of one lookup
	turns   chan struct{}

	mu    sync.Mutex
	names map[string]*name
	all   sync.WaitGroup
	ended context.Context // of all lookups, since none ends with the request that began it
	end   context.CancelFunc
}

// name is one that was asked for, or is.
type name struct {
	known   chan struct{} // closed when what follows is known
	addrs   []netip.Addr
	err     error
	expires time.Time
}

func newResolver(clock Clock, timeout time.Duration) *resolver {
	// Go's own resolver takes no thread for a name that is slow to come.
	system := &net.Resolver{PreferGo: true}
	r := &resolver{
		lookup: func(ctx context.Context, name string) ([]netip.Addr, error) {
			return system.LookupNetIP(ctx, "ip", name)
		},
		clock:   clock,
		timeout: timeout,
		turns:   make(chan struct{}, mostLookups),
		names:   map[string]*name{},
	}
	r.ended, r.end = context.WithCancel(context.Background())
	return r
}

// close ends the lookups under way and waits for them.
func (r *resolver) close() {
	r.end()
	r.all.Wait()
}

// addresses are those of host, in the order in which they are to be tried.
func (r *resolver) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	n := r.name(host)
	select {
	case <-n.known:
		return n.addrs, n.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// name returns what is known of host, or has it asked for.
func (r *resolver) name(host string) *name {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.names[host]; n != nil && (n.expires.IsZero() || r.clock.Now().Before(n.expires)) {
		return n
	}
	if len(r.names) >= keptNames {
		r.forget()
	}
	n := &name{known: make(chan struct{})}
	r.names[host] = n
	r.all.Go(func() { r.find(host, n) })
	return n
}

// forget lets go of what is old, and of the rest where that is not much. It holds r.mu.
func (r *resolver) forget() {
	now, most := r.clock.Now(), len(r.names)/2
	for host, n := range r.names {
		if !n.expires.IsZero() && (len(r.names) > most || !now.Before(n.expires)) {
			delete(r.names, host)
		}
	}
}

func (r *resolver) find(host string, n *name) {
	addrs, err := r.ask(host)
	ttl := namesTTL
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		ttl = noNameTTL
	case err != nil:
		ttl = failureTTL
	}
	r.mu.Lock()
	n.addrs, n.err, n.expires = addrs, err, r.clock.Now().Add(ttl)
	r.mu.Unlock()
	close(n.known)
}

func (r *resolver) ask(host string) ([]netip.Addr, error) {
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-r.ended.Done():
		return nil, r.ended.Err()
	}
	ctx, cancel := context.WithTimeout(r.ended, r.timeout)
	defer cancel()
	return r.lookup(ctx, host)
}

// fallbackDelay is how long addresses of the first family are tried before those of the
// other are tried beside them (RFC 8305, 5).
const fallbackDelay = 300 * time.Millisecond

// dialer connects to names by their addresses.
type dialer struct {
	net.Dialer // whose Control guards each address
	names      *resolver
}

// DialContext is net.Dialer's, with the names of the resolver.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.names.addresses(ctx, host) // in the request's time: others' slow names are not its server's fault
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	var first, other []netip.Addr
	for _, a := range addrs {
		if a.Unmap().Is4() == addrs[0].Unmap().Is4() {
			first = append(first, a)
		} else {
			other = append(other, a)
		}
	}
	if len(first) == 0 {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no address", Name: host, IsNotFound: true}}
	}
	if len(other) == 0 {
		return d.oneOf(ctx, network, first, port)
	}
	return d.race(ctx, network, first, other, port)
}

// race tries both families, the other one when the first fails or after a while.
func (d *dialer) race(ctx context.Context, network string, first, other []netip.Addr, port string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, 2)
	try := func(addrs []netip.Addr) {
		conn, err := d.oneOf(ctx, network, addrs, port)
		results <- result{conn, err}
	}
	go try(first)
	late := time.NewTimer(fallbackDelay)
	defer late.Stop()
	open, waiting := 1, true
	var firstErr error
	for {
		select {
		case <-late.C:
		case r := <-results:
			open--
			if r.err == nil {
				if open > 0 { // the other may have come through as well
					cancel()
					if r := <-results; r.conn != nil {
						r.conn.Close()
					}
				}
				return r.conn, nil
			}
			if firstErr == nil {
				firstErr = r.err
			}
		}
		if waiting {
			waiting = false
			open++
			go try(other)
		}
		if open == 0 {
			return nil, firstErr
		}
	}
}

// oneOf connects to the first address that answers; each gets its share of the time.
func (d *dialer) oneOf(ctx context.Context, network string, addrs []netip.Addr, port string) (conn net.Conn, err error) {
	var firstErr error
	for i, a := range addrs {
		share, cancel := ctx, context.CancelFunc(func() {})
		if deadline, ok := ctx.Deadline(); ok && i < len(addrs)-1 {
			share, cancel = context.WithTimeout(ctx, max(2*time.Second, time.Until(deadline)/time.Duration(len(addrs)-i)))
		}
		conn, err = d.Dialer.DialContext(share, network, net.JoinHostPort(a.Unmap().String(), port))
		cancel()
		if err == nil {
			return conn, nil
		}
		if firstErr == nil {
			firstErr = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, firstErr
}
