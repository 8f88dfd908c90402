#!/usr/bin/perl
# An image file as the body of a gRPC call of Classify: frame.pl [EFFORT] < IMAGE > BODY
# A gRPC message: not compressed, length, then ClassifyRequest with encoded_image (3) and effort (6).
use strict;
use warnings;

sub varint { my ($value, $bytes) = (shift, ""); while ($value > 127) { $bytes .= chr($value & 127 | 128); $value >>= 7 } return $bytes . chr($value) }

binmode STDIN;
binmode STDOUT;
local $/;
my $image = <STDIN>;
my $effort = $ARGV[0] // "";
my $message = "\x1a" . varint(length $image) . $image . ($effort ne "" ? "\x31" . pack("d<", $effort) : "");
print pack("CN", 0, length $message), $message;
