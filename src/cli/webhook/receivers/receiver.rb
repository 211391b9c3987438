#!/usr/bin/env ruby
# frozen_string_literal: true

# A receiver of warnings from Nadhir, as a CGI program. It needs Ruby 2.7 and no gem.
#
# The web server sets NADHIR_SECRET (`whsec_…`; several apart by blanks while one is changed) and NADHIR_DIR, a directory of its own,
# which this program may write. Put what you do with a warning into `act`.

require "digest"
require "json"
require "openssl"
require "time"

TOLERANCE_S = 5 * 60 # how far the clocks may be apart
MAX_BODY = 1 << 20 # bytes
MAX_SIGNATURES = 16
REMEMBER_S = 3 * 24 * 60 * 60 # for longer than anything is tried again
DIR = ENV.fetch("NADHIR_DIR")

# Whether a request was signed by one who knows a secret, just now. `body` is the bytes as they came.
def ours?(secrets, id, timestamp, signatures, body, now)
  return false unless timestamp.match?(/\A[0-9]{1,15}\z/) && (now.to_i - timestamp.to_i).abs <= TOLERANCE_S

  content = "#{id}.#{timestamp}.".b + body
  good = false
  secrets.each do |secret|
    key = secret.delete_prefix("whsec_").unpack1("m")
    own = "v1," + [OpenSSL::HMAC.digest("SHA256", key, content)].pack("m0")
    signatures.split(" ").first(MAX_SIGNATURES).each do |signature|
      # secure_compare takes as long whatever differs; all are compared.
      good = OpenSSL.secure_compare(own, signature) || good
    end
  end
  good
end

# The file that says that a message was taken.
def mark_of(id)
  File.join(DIR, "#{Digest::SHA256.hexdigest(id)}.seen")
end

def forget(now)
  Dir.glob(File.join(DIR, "*.seen")).each do |file|
    File.delete(file) if now - File.mtime(file) > REMEMBER_S
  end
end

# Whether nobody is to be told any more.
def over?(event, now)
  expires = event["data"]["expires"]
  !expires.nil? && Time.iso8601(expires) <= now
end

# What you do with it. It may be called twice for one message if this machine dies in between.
def act(event)
  File.open(File.join(DIR, "acted"), "a") { |log| log.puts("#{event["type"]} #{event["data"]["id"]}") }
end

# Status and words. Whoever answers 2xx has taken it; every other status but 410 has it sent again.
def answer(now)
  length = ENV.fetch("CONTENT_LENGTH", "0").to_i
  return [413, "too long"] if length > MAX_BODY

  body = $stdin.binmode.read(length) || ""
  id = ENV.fetch("HTTP_WEBHOOK_ID", "")
  signed = [ENV.fetch("HTTP_WEBHOOK_TIMESTAMP", ""), ENV.fetch("HTTP_WEBHOOK_SIGNATURE", "")]
  secrets = ENV.fetch("NADHIR_SECRET").split
  return [401, "not signed as it should be"] if id.empty? || !ours?(secrets, id, *signed, body, now)

  event = JSON.parse(body.force_encoding(Encoding::UTF_8))
  return [200, event["data"]["challenge"]] if event["type"] == "subscriber.challenge"
  return [200, "seen before"] if File.exist?(mark_of(id))

  words = sorted(event, now)
  act(event) if words == "taken"
  # Only now, so that what this machine did not do is sent again.
  File.write(mark_of(id), "")
  forget(now)
  [200, words]
end

# What it is; types that are not known yet are no fault.
def sorted(event, now)
  case event["type"]
  when "subscriber.test" then "a test"
  when "history" then "history" # for an archive; it is no warning now
  when /\A(warning|statement)\./
    if over?(event, now) then "over"
    elsif event["type"].start_with?("warning.") && event["data"]["status"] != "Actual" then "a drill"
    else "taken"
    end
  else "nothing to do"
  end
end

status, text = answer(Time.now)
print "Status: #{status}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n#{text}"
