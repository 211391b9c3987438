#!/usr/bin/env perl
# A receiver of warnings from Nadhir, as a CGI program. It needs Perl 5.14 and what comes with it.
#
# The web server sets NADHIR_SECRET (`whsec_…`; several apart by blanks while one is changed) and NADHIR_DIR, a directory of its own,
# which this program may write. Put what you do with a warning into `act`.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 sha256_hex);
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64 encode_base64);
use Time::Local qw(timegm);

my $TOLERANCE_S = 5 * 60;              # how far the clocks may be apart
my $MAX_BODY = 1 << 20;                # bytes
my $MAX_SIGNATURES = 16;
my $REMEMBER_S = 3 * 24 * 60 * 60;     # for longer than anything is tried again
my $dir = $ENV{NADHIR_DIR} or die "NADHIR_DIR is not set";

# Whether two texts are the same; it takes as long whatever differs.
sub is_same {
    my ($one, $other) = @_;
    return 0 if length $one != length $other;
    my $differs = 0;
    $differs |= ord(substr $one, $_, 1) ^ ord(substr $other, $_, 1) for 0 .. length($one) - 1;
    return $differs == 0;
}

# Whether a request was signed by one who knows a secret, just now. The body is the bytes as they came.
sub is_ours {
    my ($secrets, $id, $timestamp, $signatures, $body, $now) = @_;
    return 0 if $timestamp !~ /\A[0-9]{1,15}\z/ || abs($now - $timestamp) > $TOLERANCE_S;
    my @given = split / /, $signatures;
    splice @given, $MAX_SIGNATURES if @given > $MAX_SIGNATURES;
    my $good = 0;
    for my $secret (@$secrets) {
        (my $key = $secret) =~ s/\Awhsec_//;
        my $own = 'v1,' . encode_base64(hmac_sha256("$id.$timestamp.$body", decode_base64($key)), '');
        for my $signature (@given) {
            # All are compared.
            $good = 1 if is_same($own, $signature);
        }
    }
    return $good;
}

# The file that says that a message was taken.
sub mark_of { return "$dir/" . sha256_hex($_[0]) . '.seen' }

sub forget {
    my ($now) = @_;
    for my $file (glob "$dir/*.seen") {
        unlink $file if $now - (stat $file)[9] > $REMEMBER_S;
    }
    return;
}

# Whether nobody is to be told any more. Moments are in UTC.
sub is_over {
    my ($event, $now) = @_;
    my $expires = $event->{data}{expires};
    return 0 if !defined $expires;
    $expires =~ /\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z\z/ or die "`$expires` is no moment";
    return timegm($6, $5, $4, $3, $2 - 1, $1) <= $now;
}

# What you do with it. It may be called twice for one message if this machine dies in between.
sub act {
    my ($event) = @_;
    open my $log, '>>', "$dir/acted" or die "it cannot be written down: $!";
    print {$log} $event->{type}, ' ', $event->{data}{id} // '', "\n";
    close $log or die "it cannot be written down: $!";
    return;
}

# What it is; types that are not known yet are no fault.
sub sorted {
    my ($event, $now) = @_;
    my $type = $event->{type};
    return 'a test' if $type eq 'subscriber.test';
    return 'history' if $type eq 'history';    # for an archive; it is no warning now
    return 'nothing to do' if $type !~ /\A(?:warning|statement)\./;
    return 'over' if is_over($event, $now);
    return 'a drill' if $type =~ /\Awarning\./ && $event->{data}{status} ne 'Actual';
    return 'taken';
}

# Status and words. Whoever answers 2xx has taken it; every other status but 410 has it sent again.
sub answer {
    my ($now) = @_;
    my $length = $ENV{CONTENT_LENGTH} || 0;
    return (413, 'too long') if $length > $MAX_BODY;
    binmode STDIN;
    my ($body, $read) = ('', 1);
    while ($length > length $body && $read) {
        $read = read STDIN, $body, $length - length $body, length $body;
        defined $read or die "it cannot be read: $!";
    }
    my $id = $ENV{HTTP_WEBHOOK_ID} // '';
    my @secrets = split ' ', $ENV{NADHIR_SECRET} // '';
    my @signed = ($ENV{HTTP_WEBHOOK_TIMESTAMP} // '', $ENV{HTTP_WEBHOOK_SIGNATURE} // '');
    return (401, 'not signed as it should be') if $id eq '' || !is_ours(\@secrets, $id, @signed, $body, $now);
    my $event = decode_json($body);
    return (200, $event->{data}{challenge}) if $event->{type} eq 'subscriber.challenge';
    return (200, 'seen before') if -e mark_of($id);
    my $words = sorted($event, $now);
    act($event) if $words eq 'taken';
    # Only now, so that what this machine did not do is sent again.
    open my $mark, '>', mark_of($id) or die "it cannot be remembered: $!";
    close $mark or die "it cannot be remembered: $!";
    forget($now);
    return (200, $words);
}

my ($status, $text) = answer(time);
print "Status: $status\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n$text";
