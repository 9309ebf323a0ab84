package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func newServe(g *global) *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use: "serve FOLDER", Short: "Serve a folder of web pages on a loopback address, to try a crawl on",
		Example: `  pairloom serve site --listen 127.0.0.1:8765
  # in pairloom.yaml: gate.allow_addresses: ["127.0.0.1:8765"]`,
		Args: oneArgument("the folder of web pages to serve"), ValidArgsFunction: folders,
		RunE: func(c *cobra.Command, args []string) error {
			address, stop, err := serveFolder(args[0], listen)
			if err != nil {
				return err
			}
			defer stop()
			if g.json {
				err = g.printJSON(map[string]string{"folder": args[0], "address": "http://" + address + "/"})
			} else {
				fmt.Fprintf(g.stdout, "serving %s on http://%s/ until Ctrl-C\n", args[0], address)
			}
			if err != nil {
				return err
			}
			<-c.Context().Done()
			return nil
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8765", "loopback `address`")
	return c
}

// serveFolder serves the files below folder on a loopback address until stop is
// called. It returns the address it listens on.
func serveFolder(folder, listen string) (address string, stop func(), err error) {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "", nil, &exitError{exitConfiguration, fmt.Errorf("serve %s: it is not a folder", folder)}
	}
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return "", nil, &exitError{exitConfiguration, fmt.Errorf("serve on %s: want a loopback address with port, such as 127.0.0.1:8765", listen)}
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", nil, fmt.Errorf("serve %s: %w", folder, err)
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(folder)), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(os.Stderr, "pairloom: serve %s: %v\n", folder, err)
		}
	}()
	return l.Addr().String(), func() { server.Close(); <-done }, nil
}
