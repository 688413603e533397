// An independent implementation of yamux as the peer of the tests: hashicorp's.
//
//	peer server|client <Unix socket>
//
// It connects to the socket. A server echoes each stream until its end; one whose first byte is 'r'
// is read until it is reset, 'q' asks how many were, and 'g' makes the server go away. A client opens
// streams, sends 1 MiB on each, checks what comes back, and prints "done". It exits with 1 if
// something was wrong.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/yamux"
)

const streams = 8
const size = 1 << 20

func check(err error) {
	if err != nil {
		fmt.Println("peer:", err)
		os.Exit(1)
	}
}

func serve(session *yamux.Session) {
	var resets int32
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return
		}
		go func() {
			first := make([]byte, 1)
			if _, err := io.ReadFull(stream, first); err != nil {
				stream.Close()
				return
			}
			switch first[0] {
			case 'r':
				if _, err := io.Copy(io.Discard, stream); err == yamux.ErrConnectionReset {
					atomic.AddInt32(&resets, 1)
				}
				return
			case 'q':
				fmt.Fprintf(stream, "%d resets", atomic.LoadInt32(&resets))
			case 'g':
				check(session.GoAway())
			default:
				_, err := stream.Write(first)
				check(err)
				_, err = io.Copy(stream, stream)
				check(err)
			}
			stream.Close()
		}()
	}
}

func talk(session *yamux.Session) {
	var all sync.WaitGroup
	for i := 0; i < streams; i++ {
		stream, err := session.OpenStream()
		check(err)
		all.Add(1)
		go func(i int) {
			defer all.Done()
			sent := make([]byte, size)
			for at := range sent {
				sent[at] = byte(at*7>>3 + i)
			}
			go func() {
				_, err := stream.Write(sent)
				check(err)
			}()
			received := make([]byte, size)
			_, err := io.ReadFull(stream, received)
			check(err)
			if !bytes.Equal(sent, received) {
				check(fmt.Errorf("stream %d is not echoed", stream.StreamID()))
			}
			check(stream.Close())
		}(i)
	}
	all.Wait()
	_, err := session.Ping()
	check(err)
	fmt.Println("done")
	<-session.CloseChan()
}

func main() {
	conn, err := net.Dial("unix", os.Args[2])
	check(err)
	config := yamux.DefaultConfig()
	config.LogOutput = os.Stdout
	if os.Args[1] == "server" {
		session, err := yamux.Server(conn, config)
		check(err)
		_, err = session.Ping()
		check(err)
		serve(session)
	} else {
		session, err := yamux.Client(conn, config)
		check(err)
		talk(session)
	}
}
