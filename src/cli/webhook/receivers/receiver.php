<?php
// A receiver of warnings from Nadhir, as a page of PHP 8 under any web server. It needs no library.
//
// The web server sets NADHIR_SECRET (`whsec_…`; several apart by blanks while one is changed) and NADHIR_DIR, a directory of its own,
// which this page may write. Put what you do with a warning into `act`.
declare(strict_types=1);

const TOLERANCE_S = 5 * 60; // how far the clocks may be apart
const MAX_BODY = 1 << 20; // bytes
const MAX_SIGNATURES = 16;
const REMEMBER_S = 3 * 24 * 60 * 60; // for longer than anything is tried again

/** Whether a request was signed by one who knows a secret, just now. `$body` is the bytes as they came. */
function is_ours(array $secrets, string $id, string $timestamp, string $signatures, string $body, int $now): bool
{
    if (!preg_match('/\A[0-9]{1,15}\z/', $timestamp) || abs($now - (int) $timestamp) > TOLERANCE_S) {
        return false;
    }
    $good = false;
    foreach ($secrets as $secret) {
        $key = base64_decode(preg_replace('/\Awhsec_/', '', $secret), true);
        if ($key === false || $key === '') {
            continue;
        }
        $own = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
        foreach (array_slice(explode(' ', $signatures), 0, MAX_SIGNATURES) as $signature) {
            // hash_equals takes as long whatever differs; all are compared.
            $good = hash_equals($own, $signature) || $good;
        }
    }
    return $good;
}

function setting(string $name): string
{
    return (string) ($_SERVER[$name] ?? getenv($name) ?: '');
}

/** The file that says that a message was taken. */
function mark_of(string $id): string
{
    return setting('NADHIR_DIR') . '/' . hash('sha256', $id) . '.seen';
}

function forget(int $now): void
{
    foreach (glob(setting('NADHIR_DIR') . '/*.seen') ?: [] as $file) {
        if ($now - filemtime($file) > REMEMBER_S) {
            unlink($file);
        }
    }
}

/** Whether nobody is to be told any more. */
function is_over(array $event, int $now): bool
{
    return isset($event['data']['expires']) && strtotime($event['data']['expires']) <= $now;
}

/** What you do with it. It may be called twice for one message if this machine dies in between. */
function act(array $event): void
{
    $line = $event['type'] . ' ' . ($event['data']['id'] ?? '') . "\n";
    if (file_put_contents(setting('NADHIR_DIR') . '/acted', $line, FILE_APPEND | LOCK_EX) === false) {
        throw new RuntimeException('it could not be written down');
    }
}

/** Status and words. Whoever answers 2xx has taken it; every other status but 410 has it sent again. */
function answer(string $body, int $now): array
{
    if (strlen($body) > MAX_BODY) {
        return [413, 'too long'];
    }
    $id = setting('HTTP_WEBHOOK_ID');
    $secrets = preg_split('/\s+/', setting('NADHIR_SECRET'), -1, PREG_SPLIT_NO_EMPTY);
    $signatures = setting('HTTP_WEBHOOK_SIGNATURE');
    if ($id === '' || !is_ours($secrets, $id, setting('HTTP_WEBHOOK_TIMESTAMP'), $signatures, $body, $now)) {
        return [401, 'not signed as it should be'];
    }
    $event = json_decode($body, true, 64, JSON_THROW_ON_ERROR);
    $type = $event['type'];
    if ($type === 'subscriber.challenge') {
        return [200, $event['data']['challenge']];
    }
    if (file_exists(mark_of($id))) {
        return [200, 'seen before'];
    }
    $words = 'taken';
    if ($type === 'subscriber.test') {
        $words = 'a test';
    } elseif ($type === 'history') {
        $words = 'history'; // for an archive; it is no warning now
    } elseif (is_over($event, $now)) {
        $words = 'over';
    } elseif (str_starts_with($type, 'warning.') && $event['data']['status'] !== 'Actual') {
        $words = 'a drill';
    } elseif (str_starts_with($type, 'warning.') || str_starts_with($type, 'statement.')) {
        act($event);
    } else {
        $words = 'nothing to do'; // types that are not known yet are no fault
    }
    // Only now, so that what this machine did not do is sent again.
    if (!touch(mark_of($id))) {
        throw new RuntimeException('it could not be remembered');
    }
    forget($now);
    return [200, $words];
}

// What goes wrong below is answered 500, and sent again.
http_response_code(500);
ini_set('display_errors', 'stderr');
[$status, $text] = answer((string) file_get_contents('php://input', false, null, 0, MAX_BODY + 1), time());
http_response_code($status);
header('Content-Type: text/plain; charset=utf-8');
echo $text;
