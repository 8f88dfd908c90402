#!/usr/bin/perl
# Takes whatever OTLP over HTTP sends to a free port of this machine and forgets it: otlp-sink.pl COUNT_FILE
# Prints its port; after each message the file has the number of messages and of their bytes.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my $file = shift or die "usage: otlp-sink.pl COUNT_FILE\n";
my $listener = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die "no port: $!\n";
$| = 1;
print $listener->sockport, "\n";
my ($messages, $bytes) = (0, 0);
my %unread;
my $select = IO::Select->new($listener);
while (my @ready = $select->can_read) {
  for my $socket (@ready) {
    if ($socket == $listener) {
      $select->add($listener->accept);
      next;
    }

    if (!sysread($socket, $unread{$socket}, 1 << 20, length($unread{$socket} // ''))) {
      $select->remove($socket);
      delete $unread{$socket};
      close $socket;
      next;
    }

    while ($unread{$socket} =~ /\A(.*?\r\n\r\n)/s) {
      my $head = $1;
      my ($length) = $head =~ /^content-length:\s*(\d+)/im;
      last if length($unread{$socket}) < length($head) + ($length //= 0);
      substr($unread{$socket}, 0, length($head) + $length) = '';
      syswrite $socket, "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
      ($messages, $bytes) = ($messages + 1, $bytes + $length);
      open my $count, '>', $file or die "$file: $!\n";
      print $count "$messages $bytes\n";
      close $count;
    }
  }
}
